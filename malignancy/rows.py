"""Rows of the caller as instances in JSON: mappings, sequences, data frames and arrays.

No package of data frames is imported: a row container is recognized by its methods.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

Row = Mapping[str, Any]


class Frame(Protocol):
    """A data frame of pandas or polars."""

    @property
    def columns(self) -> Any: ...


class ArrowTable(Protocol):
    """A table or record batch of pyarrow."""

    def to_pylist(self) -> list[dict[str, Any]]: ...


class Array(Protocol):
    """A two-dimensional array, such as NumPy's."""

    def tolist(self) -> Any: ...


Rows = Sequence[Row] | Sequence[Sequence[Any]] | Frame | ArrowTable | Array


def instance_of(row: Any, number: int | None = None) -> dict[str, Any] | list[Any]:
    """Return a row as a JSON object, or as an array in the order of the schema.

    Args:
        row: A mapping of features to values, or the values.
        number: Number of the row, for the error.

    Raises:
        TypeError: It is neither, or has a value without a form in JSON.
    """
    if isinstance(row, Mapping):
        return {str(name): plain(value) for name, value in row.items()}
    if not isinstance(row, str | bytes) and isinstance(row, Sequence):
        return [plain(value) for value in row]
    if hasattr(row, "tolist") and isinstance(values := row.tolist(), list):
        return [plain(value) for value in values]
    place = "the row" if number is None else f"row {number}"
    raise TypeError(
        f"{place} must be a mapping of features to values, or a sequence of values, "
        f"not {type(row).__name__}; of one row, pass [row]"
    )


def instances_of(rows: Any) -> list[dict[str, Any] | list[Any]]:
    """Return rows as JSON objects or arrays.

    Args:
        rows: Rows, a data frame of pandas or polars, a table of pyarrow, or a 2-D array.

    Raises:
        TypeError: They are none of these, or have a value without a form in JSON.
    """
    if hasattr(rows, "to_pylist"):
        rows = rows.to_pylist()
    elif hasattr(rows, "to_dicts"):
        rows = rows.to_dicts()
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        rows = rows.to_dict(orient="records")
    elif hasattr(rows, "tolist"):
        rows = rows.tolist()
    if isinstance(rows, str | bytes) or not hasattr(rows, "__iter__"):
        raise TypeError(f"rows must be a sequence of rows, not {type(rows).__name__}")
    return [instance_of(row, number) for number, row in enumerate(rows)]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: NaN, NaT and NA are null, a decimal is a number.

    Args:
        value: A Python or NumPy scalar.

    Raises:
        TypeError: It has no form in JSON.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if value != value else float(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else float(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "item"):
        return plain(value.item())
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")
