"""The files of a job beside its parts: its options, its manifest, and the mark of success."""

import json
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json

from model.errors import DataError, MalignancyError
from service.scoring.counts import Counts
from service.scoring.fragment import Destination, Fragment
from service.scoring.storage import Storage

FOLDER: Final = "_malignancy"
JOB: Final = f"{FOLDER}/job.json"
MANIFEST: Final = f"{FOLDER}/manifest.json"
COUNTED: Final = f"{FOLDER}/counted.json"  # what was added to the store of predictions
SUCCESS: Final = "_SUCCESS"
MAX_SHOWN: Final = 10
_TEMPORARY: Final = re.compile(r"((?:.*/)?)\.(.+)\.[0-9a-f]{8}")  # see `atomic_writer`


class ForeignFolder(MalignancyError):
    """A folder has files that the job would not write; it writes and removes nothing there."""


@dataclass(frozen=True)
class JobFile:
    """What a folder belongs to.

    Attributes:
        id: Random UUID, hexadecimal.
        model: Title of the model.
        options: What the parts depend on beside the source, see `options_of`.
    """

    id: str
    model: str
    options: Mapping[str, Any]


def read_job(
    target: Storage,
    options: Mapping[str, Any],
    fragments: Sequence[Fragment],
    destination: Destination,
) -> tuple[JobFile | None, dict[str, int]]:
    """Check that a folder is new, or belongs to a job with the same options.

    Args:
        target: The folder.
        options: What the parts depend on beside the source.
        fragments: All fragments.
        destination: The folder as workers know it.

    Returns:
        The job, None for a new one; and the sizes of the files in the folder by name.

    Raises:
        ForeignFolder: The folder has other files.
    """
    found = {each.name: each.size for each in target.files()}
    content = target.read(JOB) if JOB in found else None
    job = None if content is None else _parsed(target, content)
    if job is not None and job.options != options:
        raise ForeignFolder(
            f"{target.place}: has parts of another job: {_differences(job, options)}"
        )
    expected = {JOB, MANIFEST, COUNTED, SUCCESS}
    if job is not None:
        expected |= {destination.part(each) for each in fragments}
        expected |= {destination.record(each) for each in fragments}
    others = [name for name in found if name not in expected and not _is_temporary(name)]
    if others or (job is None and found.keys() & expected):
        names = others or sorted(found)
        more = f" and {len(names) - MAX_SHOWN} more" * (len(names) > MAX_SHOWN)
        raise ForeignFolder(
            f"{target.place}: has files that this job would not write: "
            f"{', '.join(names[:MAX_SHOWN])}{more}; remove them, or choose another folder"
        )
    return job, found


def open_job(
    target: Storage,
    model: str,
    options: Mapping[str, Any],
    fragments: Sequence[Fragment],
    destination: Destination,
) -> tuple[JobFile, dict[str, int]]:
    """Mark a folder as that of a job.

    Args:
        target: The folder.
        model: Title of the model.
        options: What the parts depend on beside the source.
        fragments: All fragments.
        destination: The folder as workers know it.

    Returns:
        The job, and the sizes of the files in the folder by name.

    Raises:
        ForeignFolder: The folder has other files.
    """
    job, found = read_job(target, options, fragments, destination)
    if job is None:
        job = JobFile(uuid.uuid4().hex, model, options)
        target.write(JOB, _json({"id": job.id, "model": model, "options": options}))
    return job, found


def manifest_of(
    job: JobFile,
    source: str,
    schema: Any,
    fragments: Sequence[Fragment],
    counts: Sequence[Counts],
    destination: Destination,
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the manifest of a complete job.

    Args:
        job: The job.
        source: The dataset, as the user named it.
        schema: Arrow schema of the parts.
        fragments: All fragments.
        counts: The counts of each.
        destination: The folder.
        figures: Drift and expected quality.
    """
    total = Counts.merged(counts).to_json()
    del total["sha256"]
    bins = total.pop("bins")
    parts = [
        {
            "part": destination.part(fragment),
            "source": fragment.name,
            "row_groups": fragment.groups,
            "rows": each.rows,
            "marked": each.marked,
            "bytes": each.bytes,
            "sha256": each.sha256,
        }
        for fragment, each in zip(fragments, counts, strict=True)
    ]
    return {
        "job": job.id,
        "model": job.model,
        "source": source,
        "completed": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "options": dict(job.options),
        "schema": [
            {"name": name, "type": str(kind)}
            for name, kind in zip(schema.names, schema.types, strict=True)
        ],
        **total,
        **figures,
        "parts": parts,
        "counts": bins,
    }


def write_json(target: Storage, name: str, content: Any) -> None:
    """Write a file in JSON.

    Args:
        target: The folder.
        name: Name of the file.
        content: Plain data.
    """
    target.write(name, _json(content))


def _json(content: Any) -> bytes:
    return to_json(content, indent=1, inf_nan_mode="null") + b"\n"


def _parsed(target: Storage, content: bytes) -> JobFile:
    try:
        found = json.loads(content)
        return JobFile(str(uuid.UUID(found["id"]).hex), str(found["model"]), dict(found["options"]))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{target.shown(JOB)}: cannot be read") from None


def _differences(job: JobFile, options: Mapping[str, Any]) -> str:
    if job.options.get("artifact") != options["artifact"]:
        return f"its model is {job.model}; choose another folder"
    changed = [
        f"{name} is {job.options.get(name)!r}, not {value!r}"
        for name, value in options.items()
        if job.options.get(name) != value
    ]
    return f"{'; '.join(changed)}; choose another folder"


def remains_of(job_names: Collection[str], found: Iterable[str]) -> list[str]:
    """Return the temporary files that writers of a job have left behind when they were killed.

    Args:
        job_names: Names of the files that the job writes.
        found: Names of the files in its folder.
    """
    matches = ((name, _TEMPORARY.fullmatch(name)) for name in found)
    return [name for name, match in matches if match and match[1] + match[2] in job_names]


def _is_temporary(name: str) -> bool:
    return name.rsplit("/", 1)[-1].startswith(".")
