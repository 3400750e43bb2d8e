"""Extra columns of Arrow tables, which keep their types in an Arrow answer.

A dictionary, a run-end encoding and a view become plain columns, since the answer is a stream of
record batches without dictionaries.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from service.codecs.charge import Charge
from service.codecs.extra import CELL_BYTES, Errors, Extra, require_free
from service.problems import Problem

_FLAT: Final = (
    types.is_null,
    types.is_boolean,
    types.is_integer,
    types.is_floating,
    types.is_decimal,
    types.is_date,
    types.is_time,
    types.is_timestamp,
    types.is_duration,
)
_TEXTS: Final = (
    types.is_string,
    types.is_large_string,
    types.is_string_view,
    types.is_binary,
    types.is_large_binary,
    types.is_binary_view,
    types.is_fixed_size_binary,
)
# Types of views, and those of the same values in the answer.
_PLAIN: Final = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


class ArrowColumns:
    """Extra columns of Arrow types (see `Extra`).

    Args:
        names: The names, in order.
        columns: Plain columns, of the types that `plain_type` returns.
    """

    def __init__(self, names: tuple[str, ...], columns: list[Any]) -> None:
        self.names, self.columns = names, columns
        rows = sum(map(len, columns))
        self.memory_bytes = 4 * sum(column.nbytes for column in columns) + CELL_BYTES * rows

    def part(self, start: int, end: int) -> "ArrowColumns":
        columns = [column.slice(start, end - start) for column in self.columns]
        return ArrowColumns(self.names, columns)

    def join(self, parts: Iterable[tuple[Extra | None, int]]) -> "ArrowColumns":
        by_part = []
        for part, _ in parts:
            assert isinstance(part, ArrowColumns)
            by_part.append(part.columns)
        return ArrowColumns(self.names, list(map(pa.concat_arrays, zip(*by_part, strict=True))))

    def errors(self, taken: Collection[str], columns: Collection[str] | None) -> Errors:  # noqa: ARG002
        require_free(self.names, taken)
        return {}

    def objects(self) -> list[dict[str, Any]]:
        columns = map(_json_values, self.columns)
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def texts(self, names: Sequence[str]) -> list[list[str]]:
        assert tuple(names) == self.names
        return list(map(_texts, self.columns))


def plain_type(kind: Any) -> Any:
    """Return the type of a column in the answer; None if the column cannot be in an answer.

    Args:
        kind: Arrow type of the column.
    """
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        kind = kind.value_type
    if any(is_kind(kind) for is_kind in (*_FLAT, *_TEXTS)):
        return _PLAIN.get(kind, kind)
    return None


def plain_column(column: Any, max_bytes: int, charge: Charge) -> Any:
    """Return the cells of a column as a copy of its `plain_type`.

    Args:
        column: Valid cells.
        max_bytes: Maximum size of the copy, in bytes.
        charge: Called with the memory of the copy.

    Raises:
        Problem: The texts of all cells are larger than `max_bytes`, which may share a few (413).
    """
    kind = plain_type(column.type)
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    size = _text_bytes(column)
    if size > max_bytes:
        raise Problem(413, f"A column must have at most {max_bytes} bytes of text.")
    charge(2 * size)
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    elif types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    # A slice would keep all of its batch.
    return column.cast(kind).take(pa.array(range(len(column)), pa.int32()))


def _text_bytes(column: Any) -> int:
    """Return the size of all texts; each cell may refer to the same large one."""
    if types.is_dictionary(column.type):
        sizes = _sizes(column.dictionary)
        sizes = None if sizes is None else sizes.take(column.indices)
    elif types.is_run_end_encoded(column.type):
        sizes = _sizes(column.values)
        if sizes is not None:
            runs = pa.RunEndEncodedArray.from_buffers(
                pa.run_end_encoded(column.type.run_end_type, sizes.type),
                len(column),
                [None],
                offset=column.offset,
                children=[column.run_ends, sizes],
            )
            sizes = pc.run_end_decode(runs)
    else:
        sizes = _sizes(column)
    return 0 if sizes is None else pc.sum(sizes.cast(pa.int64())).as_py() or 0


def _sizes(column: Any) -> Any:
    """Return the size of each text; None for a column of another type."""
    if not any(is_text(column.type) for is_text in _TEXTS):
        return None
    if types.is_string_view(column.type) or types.is_binary_view(column.type):
        views = column.buffers()[1]  # 16 bytes each, of which the first four are the size
        all_sizes = pa.Array.from_buffers(pa.int32(), len(views) // 4, [None, views])
        places = range(4 * column.offset, 4 * (column.offset + len(column)), 4)
        return all_sizes.take(pa.array(places, pa.int64()))
    return pc.binary_length(column)


def _json_values(column: Any) -> list[Any]:
    kind = column.type
    if types.is_floating(kind):
        return [each if _is_finite(each) else None for each in column.to_pylist()]
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_null(kind):
        values: list[Any] = column.to_pylist()
        return values
    return _cells(column)


def _texts(column: Any) -> list[str]:
    return ["" if cell is None else cell for cell in _cells(column)]


def _cells(column: Any) -> list[str | None]:
    """Return the cells as text, None for missing ones."""
    kind = column.type
    if types.is_floating(kind):
        return [_float_text(each) if _is_finite(each) else None for each in column.to_pylist()]
    if any(is_text(kind) for is_text in _TEXTS[3:]):
        values = column.to_pylist()
        return [None if each is None else each.decode(errors="backslashreplace") for each in values]
    if types.is_timestamp(kind) and kind.tz is not None:
        # In UTC: the time zone is a text of the client.
        utc = column.cast(pa.timestamp(kind.unit)).cast(pa.string()).to_pylist()
        return [None if each is None else f"{each}Z" for each in utc]
    texts: list[str | None] = column.cast(pa.string()).to_pylist()
    return texts


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _float_text(value: float) -> str:
    """Return a number as `malignancy predict` writes it; a whole number has no fraction."""
    return str(int(value)) if value.is_integer() else str(value)
