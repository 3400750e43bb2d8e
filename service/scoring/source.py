"""The files of a dataset: a file, a folder with its folders, or all that a pattern matches."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from model.errors import DataError
from service.scoring.readers import Format, Partition
from service.scoring.storage import Storage, StoredFile, split_place

FORMATS: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".arrows": "arrow stream",
    ".csv": "csv",
    ".tsv": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
COMPRESSIONS: Final = (".gz", ".bz2", ".zst", ".lz4")  # of text
NULL_KEY: Final = "__HIVE_DEFAULT_PARTITION__"
WILDCARDS: Final = frozenset("*?[")


@dataclass(frozen=True)
class SourceFile:
    """A file of a dataset.

    Attributes:
        file: Its name, size and time.
        format: Its format.
        stem: Its name without the end that states the format.
        partition: Keys and values of its folders.
    """

    file: StoredFile
    format: Format
    stem: str
    partition: Partition


@dataclass(frozen=True)
class Dataset:
    """Files below one folder.

    Attributes:
        storage: The folder.
        files: The files, sorted by name.
        matches: Returns whether a file of this name in the folder would be one of them.
    """

    storage: Storage
    files: list[SourceFile]
    matches: Callable[[str], bool]


def find_dataset(source: str) -> Dataset:
    """Return a dataset.

    Files and folders whose names begin with "." or "_" are left out.

    Args:
        source: A file, a folder, or a pattern with the wildcards *, ** (folders), ? and [abc]; a
            path of this machine or a URI.

    Raises:
        DataError: There is no such file, or the name of one does not state a format.
    """
    storage, found, matches = _listed(source)
    files = [each for each in found if not _is_hidden(each.name)]
    if not files:
        raise DataError(f"{source}: there is no file to score")
    unknown = [each.name for each in files if _format(each.name) is None]
    if unknown:
        shown = ", ".join(unknown[:10]) + (f" and {len(unknown) - 10} more" * (len(unknown) > 10))
        raise DataError(
            f"{source}: the format of these files is not known by their names: {shown}. Names must "
            f"end in {', '.join(FORMATS)}, those of text also in {', '.join(COMPRESSIONS)} after it"
        )
    return Dataset(
        storage,
        [_source_file(each) for each in files],
        lambda name: matches(name) and not _is_hidden(name),
    )


def pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern with wildcards.

    Args:
        text: The pattern; `**/` matches any number of folders, `*` and `?` no slash.
    """
    expression, place = "", 0
    while place < len(text):
        if text.startswith("**/", place):
            expression, place = expression + "(?:[^/]+/)*", place + 3
            continue
        if text.startswith("**", place):
            expression, place = expression + ".*", place + 2
            continue
        end = text.find("]", place + 2)
        if text[place] == "[" and end > 0:
            negation = "^" if text[place + 1] in "!^" else ""
            characters = text[place + 1 + len(negation) : end]
            expression += f"[{negation}{re.escape(characters).replace(chr(92) + '-', '-')}]"
            place = end + 1
            continue
        expression += {"*": "[^/]*", "?": "[^/]"}.get(text[place], re.escape(text[place]))
        place += 1
    return re.compile(expression)


def _listed(source: str) -> tuple[Storage, list[StoredFile], Callable[[str], bool]]:
    storage = Storage(source)
    kind = storage.kind()
    if kind == "folder":
        return storage, storage.files(), lambda _: True
    if kind == "file":
        folder, name = split_place(storage.place)
        storage = Storage(folder or "/")
        found = storage.stat(name)
        return storage, [] if found is None else [found], lambda other: other == name
    parts = storage.place.split("/")
    first = next((n for n, part in enumerate(parts) if WILDCARDS & set(part)), None)
    if first is None:
        raise DataError(f"{source}: there is no such file or folder")
    storage = Storage("/".join(parts[:first]) or "/")
    expression = pattern("/".join(parts[first:]))

    def matches(name: str) -> bool:
        return expression.fullmatch(name) is not None

    return storage, [each for each in storage.files() if matches(each.name)], matches


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _format(name: str) -> tuple[Format, str] | None:
    """Return the format of a file, and its name without the end; None if it is not known."""
    stem, lower = name, name.lower()
    compression = next((each for each in COMPRESSIONS if lower.endswith(each)), "")
    if compression:
        stem, lower = stem[: -len(compression)], lower[: -len(compression)]
    for end, kind in FORMATS.items():
        if lower.endswith(end) and not lower.endswith(f"/{end}") and lower != end:
            is_text = kind in ("csv", "tsv", "ndjson")
            return (kind, stem[: -len(end)]) if is_text or not compression else None
    return None


def _source_file(file: StoredFile) -> SourceFile:
    found = _format(file.name)
    assert found is not None
    kind, stem = found
    return SourceFile(file, kind, stem, _partition(file.name))


def _partition(name: str) -> Partition:
    keys = {}
    for folder in name.split("/")[:-1]:
        key, equals, value = folder.partition("=")
        if equals and key:
            keys[unquote(key)] = "" if value == NULL_KEY else unquote(value)
    return tuple(keys.items())
