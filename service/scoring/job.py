"""A job: score what is not scored yet, then write the manifest and the mark of success."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from model.artifacts.exclusive import exclusive
from model.errors import MalignancyError
from service.scoring.counts import Counts
from service.scoring.engines.engine import Engine
from service.scoring.figures import figures_of
from service.scoring.fragment import (
    Destination,
    Fragment,
    options_of,
    part_digest,
    read_record,
    score_fragment,
)
from service.scoring.manifest import (
    FOLDER,
    JOB,
    MANIFEST,
    SUCCESS,
    JobFile,
    manifest_of,
    open_job,
    read_job,
    remains_of,
    write_json,
)
from service.scoring.plan import Plan, plan_job
from service.scoring.scorer import Scorer
from service.scoring.source import Dataset, find_dataset
from service.scoring.storage import Storage

READS: Final = 16  # records that are read at the same time

# Called with the number of complete parts, of all parts, and the counts of the last part.
Progress = Callable[[int, int, Counts], None]
# Called with the job, and the digests and counts of its parts, when all of them are complete.
Completed = Callable[[JobFile, Sequence[str], Sequence[Counts]], None]


@dataclass(frozen=True)
class JobResult:
    """What a job has done.

    Attributes:
        counts: Counts of all parts.
        parts: Number of parts.
        skipped: Number of those that were complete before.
        files: Number of files of the dataset.
        drifted: Names of the features and outputs that have drifted from the training rows.
    """

    counts: Counts
    parts: int
    skipped: int
    files: int
    drifted: tuple[str, ...]


def run_job(
    scorer: Scorer,
    source: str,
    destination: Destination,
    engine: Engine,
    *,
    progress: Progress = lambda *_: None,
    completed: Completed = lambda *_: None,
) -> JobResult:
    """Score a dataset. A job that was interrupted goes on where it was.

    Args:
        scorer: The scorer.
        source: The dataset, see `find_dataset`.
        destination: The folder to write to.
        engine: Runs the tasks.
        progress: Called after each part.
        completed: Called before the mark of success is written.

    Raises:
        RejectedFiles: Files do not fit the model; nothing was written.
        ForeignFolder: The folder has other files; nothing was written.
        MalignancyError: A part failed; the others are kept.
        OSError: A file cannot be read or written.
    """
    dataset = find_dataset(source)
    target = Storage(destination.place)
    plan = plan_job(scorer, dataset, destination)
    _require_apart(dataset, target, plan, destination)
    options = options_of(scorer, destination)
    read_job(target, options, plan.fragments, destination)  # before the folder is touched
    with _lock(target):
        return _run(scorer, source, plan, destination, target, engine, progress, completed)


def _run(
    scorer: Scorer,
    source: str,
    plan: Plan,
    destination: Destination,
    target: Storage,
    engine: Engine,
    progress: Progress,
    completed: Completed,
) -> JobResult:
    version, fragments = scorer.version(), plan.fragments
    options = options_of(scorer, destination)
    job, sizes = open_job(target, version.title, options, fragments, destination)
    names = {each for one in fragments for each in (destination.part(one), destination.record(one))}
    for name in remains_of(names, sizes):
        target.remove(name)
    digests = [part_digest(scorer, each, destination) for each in fragments]
    counts = _complete_parts(target, fragments, digests, destination, sizes)
    todo = [number for number in range(len(fragments)) if number not in counts]
    todo.sort(key=lambda number: -fragments[number].weight)  # no worker ends with a large one
    skipped = len(counts)
    if todo and SUCCESS in sizes:
        target.remove(SUCCESS)
    task = partial(_score, scorer, destination)
    for index, found in engine.run(task, [fragments[number] for number in todo]):
        counts[todo[index]] = found
        progress(len(counts), len(fragments), found)
    ordered = [counts[number] for number in range(len(fragments))]
    total = Counts.merged(ordered)
    figures = figures_of(version, scorer.active_threshold(), total)
    if todo or SUCCESS not in sizes:
        completed(job, digests, ordered)
        manifest = manifest_of(job, source, plan.schema, fragments, ordered, destination, figures)
        write_json(target, MANIFEST, manifest)
        target.write(SUCCESS, b"")
    drifts = (*figures["features"], *figures["predictions"])
    drifted = tuple(each["name"] for each in drifts if each["drifted"])
    return JobResult(total, len(fragments), skipped, plan.files, drifted)


def _score(scorer: Scorer, destination: Destination, fragment: Fragment) -> Counts:
    return score_fragment(scorer, fragment, destination)


def _complete_parts(
    target: Storage,
    fragments: Sequence[Fragment],
    digests: Sequence[str],
    destination: Destination,
    sizes: dict[str, int],
) -> dict[int, Counts]:
    """Return the counts of the parts that are complete, by number of the fragment."""
    names = [destination.record(each) for each in fragments]
    recorded = [number for number, name in enumerate(names) if name in sizes]
    with ThreadPoolExecutor(READS) as pool:
        records = list(pool.map(lambda number: read_record(target, names[number]), recorded))
    complete = {}
    for number, found in zip(recorded, records, strict=True):
        if found is None or found[0] != digests[number]:
            continue
        if sizes.get(destination.part(fragments[number])) == found[1].bytes:
            complete[number] = found[1]
    return complete


def _require_apart(dataset: Dataset, target: Storage, plan: Plan, destination: Destination) -> None:
    """Reject parts that the same job would take for files of its dataset when it goes on."""
    inside = f"{target.place}/".removeprefix(f"{dataset.storage.place}/".replace("//", "/"))
    if inside == f"{target.place}/":
        return
    if any(dataset.matches(f"{inside}{destination.part(each)}") for each in plan.fragments):
        raise MalignancyError(f"--to: {target.place} must not be in the dataset itself")


def _lock(target: Storage) -> AbstractContextManager[None]:
    """Return a context in which no other job of this machine writes to the folder."""
    if not target.is_local:
        return nullcontext()
    folder = Path(target.shown(FOLDER))
    folder.mkdir(parents=True, exist_ok=True)
    return exclusive(Path(target.shown(JOB)))
