"""The work of one task: read a fragment, score it, write its part, return its counts."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow as pa

from model.arrays import Array
from model.errors import DataError, MalignancyError
from service.scoring.counts import Bins, Counts
from service.scoring.output import scored_blocks
from service.scoring.parts import MeasuredFile, PartFormat, part_writer
from service.scoring.readers import DatasetReader, Format, Partition
from service.scoring.scorer import Scorer, naming
from service.scoring.storage import Storage
from service.store.counting import RowCounter
from service.store.store import stored_version

RECORDS: Final = "_malignancy/parts"  # folder of the records of complete parts

ROW_BYTES: Final = 64  # estimated, of a file that is not in Parquet

# Exceptions that pyarrow raises for a malformed file.
BROKEN: Final = (pa.ArrowException, OSError, ValueError)


@dataclass(frozen=True)
class Fragment:
    """Rows that one task scores: a file, or row groups of a Parquet file.

    Attributes:
        place: Folder of the dataset, a path or URI.
        name: Name of the file in it.
        format: Format of the file.
        size: Its size in bytes.
        modified: Time of its last change, Unix time in nanoseconds.
        part: Name of the part, without the end that states its format.
        groups: The first row group, and the one after the last; None for the whole file.
        first_row: Number of the first row in the file, from 0.
        rows: Number of rows; None if it is not known before they are read.
        partition: Keys and values of the folders of the file.
    """

    place: str
    name: str
    format: Format
    size: int
    modified: int
    part: str
    groups: tuple[int, int] | None = None
    first_row: int = 0
    rows: int | None = None
    partition: Partition = ()

    def __str__(self) -> str:
        return f"{self.place}/{self.name}"

    @property
    def weight(self) -> int:
        """Number of rows; an estimate from the size where it is not known."""
        return self.size // ROW_BYTES if self.rows is None else self.rows


@dataclass(frozen=True)
class Destination:
    """The folder that parts are written to.

    Attributes:
        place: The folder, a path or URI.
        format: Format of the parts.
    """

    place: str
    format: PartFormat = "parquet"

    def part(self, fragment: Fragment) -> str:
        """Return the name of a part in the folder."""
        return f"{fragment.part}.{self.format}"

    def record(self, fragment: Fragment) -> str:
        """Return the name of the record of a part in the folder."""
        return f"{RECORDS}/{fragment.part}.json"


def score_fragment(scorer: Scorer, fragment: Fragment, destination: Destination) -> Counts:
    """Score a fragment and write its part, then the record that states that the part is complete.

    A part is visible as a whole or not at all. Memory does not depend on the size of the fragment.

    Args:
        scorer: The scorer; its model is loaded once in each process.
        fragment: The rows.
        destination: The folder to write to.

    Returns:
        The counts of the part.

    Raises:
        DataError: The file does not fit the model, is malformed or has changed or, if the scorer
            does not mark them, a row is invalid. The text names the file.
        ArtifactError: The artifact cannot be loaded, or has another digest.
        OSError: A file cannot be read or written.
    """
    source, target = Storage(fragment.place), Storage(destination.place)
    require_unchanged(source, fragment)
    reader = DatasetReader(scorer.version().predictor.schema, scorer.kept(), fragment.partition)
    recorder = _Recorder(scorer)
    blocks_scorer = scorer.blocks_scorer(recorder)
    blocks_scorer.rows = fragment.first_row
    groups = None if fragment.groups is None else range(*fragment.groups)
    with naming(str(fragment)), target.writer(destination.part(fragment)) as raw:
        file = MeasuredFile(raw)
        writer = part_writer(file, scorer, destination.format)
        try:
            blocks = reader.blocks(source, fragment.name, fragment.format, groups)
            for scored in scored_blocks(blocks, blocks_scorer, scorer.kept(), writer):
                writer.write(scored)
            writer.end()
        except BaseException as error:
            writer.abort()
            _reject(error, source, fragment)
            raise
    counts = Counts(
        rows=blocks_scorer.rows - fragment.first_row,
        predicted=blocks_scorer.predicted_rows,
        labels=dict(blocks_scorer.labels),
        bytes=file.size,
        sha256=file.sha256,
        bins=recorder.bins,
    )
    write_record(
        target, destination.record(fragment), part_digest(scorer, fragment, destination), counts
    )
    return counts


def require_unchanged(source: Storage, fragment: Fragment) -> None:
    """Check that a file is the one that was planned.

    Args:
        source: The folder of the dataset.
        fragment: The plan.

    Raises:
        DataError: The file is gone, or has changed.
    """
    found = source.stat(fragment.name)
    if found is None:
        raise DataError(f"{fragment}: the file is gone")
    if (found.size, found.modified) != (fragment.size, fragment.modified):
        raise DataError(f"{fragment}: the file has changed since the job began")


def options_of(scorer: Scorer, destination: Destination) -> dict[str, Any]:
    """Return what the parts of a job depend on, beside the source.

    Args:
        scorer: The scorer.
        destination: The folder of the parts.
    """
    threshold = scorer.active_threshold()
    return {
        "artifact": scorer.digest,
        "threshold": None if threshold != threshold else threshold,
        "keep": None if scorer.keep is None else sorted(scorer.keep),
        "on_error": "mark" if scorer.mark else "refuse",
        "explain": scorer.explain,
        "format": destination.format,
    }


def part_digest(scorer: Scorer, fragment: Fragment, destination: Destination) -> str:
    """Return the digest of all that a part depends on.

    Args:
        scorer: The scorer.
        fragment: The rows.
        destination: The folder of the parts.
    """
    content = {"options": options_of(scorer, destination), "fragment": asdict(fragment)}
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_record(target: Storage, name: str, digest: str, counts: Counts) -> None:
    """Write the record of a complete part.

    Args:
        target: The folder.
        name: Name of the record.
        digest: Digest of the part's origin, see `part_digest`.
        counts: Its counts.
    """
    content = {"digest": digest, "counts": counts.to_json()}
    target.write(name, json.dumps(content, ensure_ascii=False).encode())


def read_record(target: Storage, name: str) -> tuple[str, Counts] | None:
    """Return the digest and counts of a record; None if there is none that can be read.

    Args:
        target: The folder.
        name: Name of the record.
    """
    content = target.read(name)
    try:
        found = json.loads(content or b"")
        return str(found["digest"]), Counts.from_json(found["counts"])
    except (DataError, KeyError, TypeError, ValueError):
        return None


def _reject(error: BaseException, source: Storage, fragment: Fragment) -> None:
    """Raise DataError for an exception of pyarrow that a malformed file causes."""
    if not isinstance(error, BROKEN) or isinstance(error, MalignancyError | MemoryError):
        return
    if isinstance(error, OSError) and (error.errno is not None or not source.is_local):
        return
    raise DataError(f"{fragment}: the file is malformed") from error


class _Recorder:
    """Counts predicted rows by bin.

    Args:
        scorer: The scorer of the rows.
    """

    def __init__(self, scorer: Scorer) -> None:
        version = stored_version(scorer.version().predictor)
        self._counter: RowCounter = version.counter
        self._threshold = scorer.active_threshold()
        self.bins: Bins = Counter()

    def add(self, values: Array, predictions: Array, first_row: int = 0) -> None:  # noqa: ARG002
        self.bins.update(self._counter.counts(values, predictions, self._threshold))
