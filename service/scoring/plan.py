"""The plan of a job: all files are checked, then divided into fragments, before any is scored."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import pyarrow.parquet as pq

from model.errors import DataError, MalignancyError
from service.codecs.extra import Extra
from service.problems import Problem
from service.scoring.fragment import BROKEN, Destination, Fragment
from service.scoring.readers import CHUNK_BYTES, DatasetReader, first_block
from service.scoring.scorer import Scorer, problem_text
from service.scoring.source import Dataset, SourceFile
from service.scoring.storage import Storage

# Of a fragment, unless a single row group has more.
FRAGMENT_ROWS: Final = 1_000_000
FRAGMENT_BYTES: Final = 512 * 1024 * 1024  # before it is encoded
CHECKS: Final = 8  # files whose columns are read at the same time
MAX_SHOWN: Final = 10

Groups = tuple[tuple[int, int], int, int]  # first and after the last one; first row; rows


class RejectedFiles(DataError):
    """Files of a dataset do not fit the model, or each other.

    Args:
        problems: A text for each file.
        files: Number of all files.

    Attributes:
        problems: The first 10 texts.
    """

    def __init__(self, problems: Sequence[str], files: int) -> None:
        self.problems = list(problems[:MAX_SHOWN])
        super().__init__(f"{len(problems)} of {files} files cannot be scored; nothing was written")


@dataclass(frozen=True)
class Plan:
    """The fragments of a dataset.

    Attributes:
        fragments: The fragments, by name of the file.
        schema: Arrow schema of the parts.
        files: Number of files.
    """

    fragments: list[Fragment]
    schema: Any
    files: int

    @property
    def rows(self) -> int | None:
        """Number of rows; None if it is not known for each file."""
        rows = [each.rows for each in self.fragments]
        return None if None in rows else sum(each or 0 for each in rows)


class _Checked(NamedTuple):
    """What is known of a file before it is scored.

    Attributes:
        extra: Its columns that are no features, and are kept.
        groups: The row groups of its fragments; empty if it is not in Parquet.
        problem: The rule that it breaks; "" for none.
    """

    extra: Extra | None = None
    groups: tuple[Groups, ...] = ()
    problem: str = ""


def plan_job(scorer: Scorer, dataset: Dataset, destination: Destination) -> Plan:
    """Check the columns of all files, and divide the files into fragments.

    Args:
        scorer: The scorer.
        dataset: The dataset.
        destination: The folder of the parts.

    Raises:
        RejectedFiles: Files cannot be read, do not fit the model, or would give parts with
            different columns or with the same name.
    """
    storage, files = dataset.storage, dataset.files
    with ThreadPoolExecutor(min(CHECKS, len(files))) as pool:
        checked = list(pool.map(partial(_check, scorer, storage), files))
    problems, schema = [], None
    output = scorer.output()
    for file, each in zip(files, checked, strict=True):
        problem = each.problem
        if not problem:
            try:
                output.begin(each.extra)
                if each.extra is not None:
                    each.extra.errors(output.taken, output.columns)
            except Problem as error:
                problem = problem_text(error) + "; or leave the column out with --keep"
        if not problem and schema is None:
            schema = output.schema
        if not problem:
            problem = _difference(schema, output.schema)
        if problem:
            problems.append(f"{storage.shown(file.file.name)}: {problem}")
    fragments = [
        fragment
        for file, each in zip(files, checked, strict=True)
        for fragment in _fragments(storage, file, each.groups)
    ]
    names = Counter(each.part for each in fragments)
    problems += [
        f"{each}: another file would have the same part {destination.part(each)}"
        for each in fragments
        if names[each.part] > 1
    ]
    if problems:
        raise RejectedFiles(problems, len(files))
    return Plan(fragments, schema, len(files))


def _check(scorer: Scorer, storage: Storage, file: SourceFile) -> _Checked:
    """Read the columns of a file, and compare them with the model's features."""
    kept, schema = scorer.kept(), scorer.version().predictor.schema
    reader = DatasetReader(schema, kept, file.partition)
    if reader.invalid_keys:
        return _Checked(problem="; ".join(reader.invalid_keys))
    if not reader.has_columns:
        return _Checked(problem="no feature is a column of the file, all are keys of its folders")
    name, groups = file.file.name, tuple[Groups, ...]()
    try:
        if file.format == "parquet":
            with closing(storage.open(name)) as opened:
                metadata = pq.read_metadata(opened)
            groups = tuple(row_group_ranges(metadata))
            extra = reader.arrow_table(metadata.schema.to_arrow_schema()).begin.extra
        else:
            extra = first_block(reader, storage, name, file.format, CHUNK_BYTES).extra
    except Problem as error:
        return _Checked(problem=problem_text(error))
    except MalignancyError as error:
        return _Checked(problem=str(error).removeprefix(f"{storage.shown(name)}: "))
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            return _Checked(problem=error.strerror or "cannot be read")
        return _Checked(problem="the file is malformed")
    twice = reader.keys_among(() if extra is None else extra.names)
    if twice:
        return _Checked(problem=f"{twice[0]} is a column of the file, and a key of its folder")
    extra = kept.select(extra)
    if file.format != "ndjson":
        present = () if extra is None else extra.names
        absent = [each for each in kept.others if each not in present]
        if absent:
            return _Checked(problem=f"has no column {absent[0]}, which --keep names")
    return _Checked(extra, groups)


def row_group_ranges(metadata: Any) -> Iterator[Groups]:
    """Yield the row groups of fragments, with the first row and the number of rows.

    Args:
        metadata: Metadata of a Parquet file.
    """
    start = first_row = rows = size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        is_full = rows + group.num_rows > FRAGMENT_ROWS
        if number > start and (is_full or size + group.total_byte_size > FRAGMENT_BYTES):
            yield (start, number), first_row, rows
            start, first_row, rows, size = number, first_row + rows, 0, 0
        rows, size = rows + group.num_rows, size + group.total_byte_size
    yield (start, metadata.num_row_groups), first_row, rows


def _fragments(
    storage: Storage, file: SourceFile, groups: tuple[Groups, ...]
) -> Iterator[Fragment]:
    common = partial(
        Fragment,
        place=storage.place,
        name=file.file.name,
        format=file.format,
        size=file.file.size,
        modified=file.file.modified,
        partition=file.partition,
    )
    if not groups:
        yield common(part=file.stem)
    for number, (numbers, first_row, rows) in enumerate(groups):
        part = file.stem if len(groups) == 1 else f"{file.stem}-{number:05d}"
        yield common(part=part, groups=numbers, first_row=first_row, rows=rows)


def _difference(first: Any, other: Any) -> str:
    """Return how the columns of a part differ from those of the first one; "" if they do not."""
    expected, found = (dict(zip(each.names, each.types, strict=True)) for each in (first, other))
    for name, kind in expected.items():
        if name not in found:
            return f"has no column {name}, as the first file has; choose columns with --keep"
        if found[name] != kind:
            rule = f"column {name} is of type {found[name]}, in the first file {kind}"
            return f"{rule}; leave it out with --keep"
    more = [name for name in found if name not in expected]
    return f"has a column {more[0]}, as the first file has not; choose with --keep" if more else ""
