"""Extra columns: those of a table that are no features, such as ids. The answer repeats them."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, Protocol

from pydantic_core import to_json

from model.prediction.names import MAX_CHARACTERS
from model.prediction.schema import Schema
from service.problems import MAX_ERRORS, FieldError, Problem, safe_name

MAX_EXTRA_COLUMNS: Final = 10_000  # fixed
CELL_BYTES: Final = 60  # memory of a cell, besides its characters
MIN_SIMILARITY: Final = 0.85  # of a misspelt name, see `difflib.SequenceMatcher.ratio`
MAX_COMPARISONS: Final = 200  # of names in one request, since each takes up to a millisecond
TAKEN: Final = "is a name that the answer uses: rename it"
NOT_IN_FIRST: Final = "is not in the first row, which has the columns of the answer"

Errors = Mapping[int, list[FieldError]]  # by row


class Extra(Protocol):
    """The extra columns of a block of B rows.

    Attributes:
        names: The names, in order.
        memory_bytes: Upper limit of the memory of the cells.
    """

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def memory_bytes(self) -> int: ...

    def part(self, start: int, end: int) -> "Extra":
        """Return consecutive rows.

        Args:
            start: Index of the first row.
            end: Index after the last row.
        """

    def join(self, parts: "Iterable[tuple[Extra | None, int]]") -> "Extra":
        """Return the rows of consecutive blocks of the same table.

        Args:
            parts: The extra columns of each block, and its number of rows.
        """

    def errors(self, taken: Collection[str], columns: Collection[str] | None) -> Errors:
        """Return the errors of rows with names that cannot be in the answer.

        Args:
            taken: Names that the answer uses.
            columns: Names of the answer's columns; None if each row has different names.

        Raises:
            Problem: A column has such a name (422).
        """

    def objects(self) -> list[dict[str, Any]]:
        """Return the cells of each row by name, as JSON values."""

    def texts(self, names: Sequence[str]) -> list[list[str]]:
        """Return columns of text, "" for a missing cell.

        Args:
            names: Names of the columns.
        """


@dataclass(slots=True)
class TextColumns:
    """Extra columns of text, as CSV has them (see `Extra`).

    Attributes:
        names: The names, in order.
        columns: The cells, by column.
        memory_bytes: Upper limit of the memory of the cells.
    """

    names: tuple[str, ...]
    columns: list[list[str]]
    memory_bytes: int

    @classmethod
    def of(cls, names: tuple[str, ...], columns: list[list[str]]) -> "TextColumns":
        """Create columns, and measure them.

        Args:
            names: The names, in order.
            columns: The cells, by column.
        """
        characters = sum(sum(map(len, column)) for column in columns)
        return cls(names, columns, 4 * characters + CELL_BYTES * sum(map(len, columns)))

    def part(self, start: int, end: int) -> "TextColumns":
        return TextColumns.of(self.names, [column[start:end] for column in self.columns])

    def join(self, parts: Iterable[tuple[Extra | None, int]]) -> "TextColumns":
        columns: list[list[str]] = [[] for _ in self.names]
        size = 0
        for part, _ in parts:
            assert isinstance(part, TextColumns)
            size += part.memory_bytes
            for column, cells in zip(columns, part.columns, strict=True):
                column += cells
        return TextColumns(self.names, columns, size)

    def errors(self, taken: Collection[str], columns: Collection[str] | None) -> Errors:  # noqa: ARG002
        require_free(self.names, taken)
        return {}

    def objects(self) -> list[dict[str, Any]]:
        return [dict(zip(self.names, row, strict=True)) for row in zip(*self.columns, strict=True)]

    def texts(self, names: Sequence[str]) -> list[list[str]]:
        assert tuple(names) == self.names
        return self.columns


@dataclass
class RowObjects:
    """Extra fields of JSON objects, which may have different names (see `Extra`).

    Attributes:
        rows: The fields of each row by name.
        memory_bytes: Upper limit of the memory of the fields.
    """

    rows: list[dict[str, Any]]
    memory_bytes: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the first row."""
        return tuple(self.rows[0]) if self.rows else ()

    def part(self, start: int, end: int) -> "RowObjects":
        rows = self.rows[start:end]
        return RowObjects(rows, self.memory_bytes * len(rows) // max(1, len(self.rows)))

    def join(self, parts: Iterable[tuple[Extra | None, int]]) -> "RowObjects":
        rows: list[dict[str, Any]] = []
        size = 0
        for part, count in parts:
            assert part is None or isinstance(part, RowObjects)
            rows += [{}] * count if part is None else part.rows
            size += 0 if part is None else part.memory_bytes
        return RowObjects(rows, size)

    def errors(self, taken: Collection[str], columns: Collection[str] | None) -> Errors:
        found = {}
        for place, row in enumerate(self.rows):
            wrong = [
                FieldError(field=safe_name(name), rule=TAKEN if name in taken else NOT_IN_FIRST)
                for name in row
                if name in taken or (columns is not None and name not in columns)
            ]
            if wrong:
                found[place] = wrong
        return found

    def objects(self) -> list[dict[str, Any]]:
        return self.rows

    def texts(self, names: Sequence[str]) -> list[list[str]]:
        return [[_text(row.get(name)) for row in self.rows] for name in names]


class SimilarNames:
    """Finds names of extra columns that look like a misspelt feature, for one request.

    A feature that may be missing and is misspelt would be imputed in every row. Only the first
    `MAX_COMPARISONS` pairs of an extra name and such a feature are compared.

    Args:
        schema: The model's schema.
    """

    def __init__(self, schema: Schema) -> None:
        self._optional = [each.name for each in schema.features if each.may_be_missing]
        self._remaining = MAX_COMPARISONS
        self._known: dict[str, list[str]] = {}

    def rule(self, name: str, given: Container[str]) -> str | None:
        """Return the rule that an extra name breaks; None for a name that is no misspelt feature.

        Args:
            name: The name of an extra column or field.
            given: All names of the table or row.
        """
        absent = [feature for feature in self._similar(name) if feature not in given]
        if not absent:
            return None
        return f"is not a feature of this model: rename it to {absent[0]}, or to a name unlike it"

    def _similar(self, name: str) -> list[str]:
        if name not in self._known:
            if len(self._optional) > self._remaining or len(name) > MAX_CHARACTERS:
                return []
            self._remaining -= len(self._optional)
            self._known[name] = get_close_matches(name, self._optional, cutoff=MIN_SIMILARITY)
        return self._known[name]


def add_errors(errors: dict[int, list[FieldError]], more: Errors) -> None:
    """Add errors to those of the same rows, up to `MAX_ERRORS` for each.

    Args:
        errors: Errors by row; changed in place.
        more: Further errors by row.
    """
    for row, found in more.items():
        errors[row] = [*errors.get(row, ()), *found][:MAX_ERRORS]


def require_free(names: Iterable[str], taken: Collection[str]) -> None:
    """Reject columns whose name the answer uses.

    Args:
        names: Names of extra columns.
        taken: Names that the answer uses.

    Raises:
        Problem: A column has such a name (422).
    """
    errors = [FieldError(field=safe_name(name), rule=TAKEN) for name in names if name in taken]
    if errors:
        raise Problem.invalid(errors)


def _text(value: object) -> str:
    """Return a JSON value as the text of a cell: a string as it is, "" for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else to_json(value).decode()
