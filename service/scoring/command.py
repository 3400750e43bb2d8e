"""The command `malignancy score`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from model.errors import MalignancyError

if TYPE_CHECKING:
    from service.scoring.counts import Counts
    from service.scoring.job import JobResult
    from service.scoring.scorer import Scorer

INTERRUPTED = 130  # 128 + SIGINT


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="malignancy score",
        description="Score the files of a dataset: each worker reads files, or row groups of them, "
        "and writes a part for each. A job that was interrupted goes on with the same command. "
        "Needs the extra `batch`.",
    )
    root.add_argument("artifact", metavar="ARTIFACT", help="artifact file, a path or URI")
    root.add_argument(
        "source",
        metavar="SOURCE",
        help="file, folder, or pattern with * and **, of Parquet, Arrow, CSV or NDJSON; a path, or "
        "s3://, gs:// or abfs://",
    )
    root.add_argument(
        "--to", metavar="FOLDER", required=True, help="new folder for the parts, a path or URI"
    )
    root.add_argument(
        "--engine",
        choices=("local", "dask", "ray"),
        default="local",
        help="what runs the workers: processes of this machine, Dask or Ray [default: local]",
    )
    root.add_argument(
        "--workers",
        metavar="NUMBER",
        type=_positive,
        help="number of workers on this machine [default: number of its cores]",
    )
    root.add_argument(
        "--cluster", metavar="ADDRESS", help="address of a cluster of Dask or Ray [default: none]"
    )
    root.add_argument(
        "--on-error",
        choices=("mark", "refuse"),
        default="mark",
        help="give an invalid row a text in a column `error`, or stop [default: mark]",
    )
    root.add_argument(
        "--keep",
        metavar="COLUMNS",
        type=_columns,
        help="columns and features to keep beside the predictions, separated by commas; `none` for "
        "none [default: all columns that are no features]",
    )
    root.add_argument(
        "--format",
        choices=("parquet", "csv"),
        default="parquet",
        help="format of the parts [default: parquet]",
    )
    root.add_argument(
        "--threshold",
        metavar="NUMBER",
        help="decision threshold, or the name of an operating point [default: the model's]",
    )
    root.add_argument(
        "--explain",
        action="store_true",
        help="add explanations, as `malignancy explain`; takes up to 1000 times as long",
    )
    root.add_argument(
        "--store",
        metavar="URL",
        help="store of predictions that the counts are added to: sqlite:///PATH or postgresql://… "
        "[default: MALIGNANCY_STORE]",
    )
    return root


def main(arguments: Sequence[str]) -> int:
    """Run the command, and return the exit code: 2 for an error, 130 for Ctrl-C."""
    # Read when NumPy is imported, here and in the workers: the matrix products are small.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    chosen = parser().parse_args(arguments)
    if find_spec("pyarrow") is None:
        print("error: score needs pyarrow: pip install 'malignancy[batch]'", file=sys.stderr)
        return 2
    try:
        _run(chosen)
    except KeyboardInterrupt:
        print(
            "interrupted: complete parts are kept, and the same command goes on with the others",
            file=sys.stderr,
        )
        return INTERRUPTED
    except MalignancyError as error:
        for line in getattr(error, "problems", ()):
            print(line, file=sys.stderr)
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"error: {name}{error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _run(chosen: argparse.Namespace) -> None:
    # Not at the top: --help and Ctrl-C need none of them.
    from service.scoring.engines.selection import open_engine
    from service.scoring.fragment import Destination
    from service.scoring.job import run_job
    from service.scoring.manifest import JobFile
    from service.scoring.storage import Storage
    from service.settings import SettingError, read_settings

    try:
        settings = read_settings([f"--store={chosen.store}"] if chosen.store else [])
        scorer = _scorer(chosen)
    except SettingError as error:
        raise MalignancyError(str(error)) from None
    target = Storage(chosen.to)
    destination = Destination(target.place, chosen.format)
    added = None

    def add_counts(job: JobFile, digests: Sequence[str], counts: "Sequence[Counts]") -> None:
        nonlocal added
        if settings.store is not None:
            from service.scoring.counted import add_to_store

            url = settings.store.get_secret_value()
            added = add_to_store(url, target, scorer.version().predictor, job, digests, counts)

    workers = chosen.workers or _cores()
    with open_engine(chosen.engine, workers=workers, cluster=chosen.cluster) as engine:
        result = run_job(
            scorer,
            chosen.source,
            destination,
            engine,
            progress=_Progress(),
            completed=add_counts,
        )
    _print_result(scorer, chosen.to, result)
    if added is not None:
        print(f"counts of {added} rows were added to the store")


def _scorer(chosen: argparse.Namespace) -> "Scorer":
    from pathlib import Path

    from model.artifacts.remote import is_uri
    from model.artifacts.repository import current_artifact
    from service.scoring.loading import load_version
    from service.scoring.scorer import Scorer

    uri = chosen.artifact
    if not is_uri(uri):
        uri = str(current_artifact(Path(uri)).absolute())
    version = load_version(uri, "")
    threshold = None
    if chosen.threshold is not None:
        threshold = version.thresholds.from_json(chosen.threshold)
        if threshold is None:
            raise MalignancyError(f"--threshold {version.thresholds.rule}")
    return Scorer(
        uri,
        version.predictor.version,
        threshold=threshold,
        keep=chosen.keep,
        mark=chosen.on_error == "mark",
        explain=chosen.explain,
    )


def _print_result(scorer: "Scorer", folder: str, result: "JobResult") -> None:
    counts, threshold = result.counts, scorer.active_threshold()
    at = f", threshold {threshold:g}" if threshold == threshold else ""
    parts = f"{result.parts} part" + ("s" if result.parts > 1 else "")
    print(f"{folder}  {parts}, {counts.predicted} rows predicted by {scorer.version().title}{at}")
    if counts.labels:
        print("labels: " + ", ".join(f"{label} {n}" for label, n in sorted(counts.labels.items())))
    if counts.marked:
        print(f"rows without a prediction: {counts.marked}; the column error says why")
    if result.skipped:
        print(f"parts that were complete before: {result.skipped}")
    if result.drifted:
        print(f"drift against the training rows: {', '.join(result.drifted)}")


class _Progress:
    """Prints the progress to a terminal, in one line."""

    def __init__(self) -> None:
        self._rows, self._since = 0, time.monotonic()

    def __call__(self, complete: int, parts: int, counts: "Counts") -> None:
        self._rows += counts.rows
        if sys.stderr.isatty():
            rate = self._rows / max(time.monotonic() - self._since, 1e-3)
            end = "\n" if complete == parts else ""
            text = f"\r{complete}/{parts} parts, {self._rows} rows, {rate:.0f} rows/s "
            print(text, end=end, file=sys.stderr, flush=True)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _columns(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    names = tuple(each.strip() for each in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError("must be names separated by commas, or none")
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
