"""Numbers of Arrow columns, of every type whose values can mean those of a feature.

A dictionary and a run-end encoding stand for their values: pandas writes categorical columns of
any type as dictionaries. Decimals are those of DuckDB, large and view strings those of polars.
"""

import math
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import types

from model.arrays import Array
from model.prediction.cells import CellParser
from model.prediction.schema import Feature
from service.codecs.charge import Charge
from service.codecs.tabular.columns import CACHED_CELL_BYTES, CellCache
from service.problems import Problem

TEXT_BYTES: Final = 120  # memory of a text as a Python object, and of its number
MAX_SCALE: Final = 76  # of a decimal, the digits of the longest one
TEXTS: Final = (
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
)


class ArrowColumn:
    """Converts the columns of one feature to numbers.

    Args:
        feature: The feature.
        max_bytes: Maximum size of the texts of a column, in bytes.
        missing_values: Texts that are read as missing (see `Schema`).
    """

    def __init__(
        self, feature: Feature, max_bytes: int, missing_values: tuple[str, ...] = ()
    ) -> None:
        self._feature, self._max_bytes = feature, max_bytes
        self._known = CellCache(CellParser(feature, missing_values))
        self._dictionary: Any = None
        self._codes: Array = np.empty(0)

    @property
    def held_bytes(self) -> int:
        """Memory of the numbers of a dictionary, and of cached cells."""
        return int(self._codes.nbytes) + len(self._known) * CACHED_CELL_BYTES

    def numbers(self, column: Any, charge: Charge) -> Array:
        """Return the numbers `(B,)` of cells; infinity for a value that the feature rejects.

        Args:
            column: B cells, of a type that `is_accepted`.
            charge: Called with the memory of a dictionary's values.
        """
        kind = column.type
        if types.is_null(kind):
            return np.full(len(column), np.nan)
        if types.is_run_end_encoded(kind):
            return self._repeated(column, charge)
        if types.is_dictionary(kind):
            return self._looked_up(column, charge)
        if kind in TEXTS:
            return self._parsed(column)
        values = _floats(column)
        if self._feature.type == "boolean":
            values = np.where((values == 0) | (values == 1) | np.isnan(values), values, np.inf)
        return values

    def _repeated(self, column: Any, charge: Charge) -> Array:
        first, runs = column.find_physical_offset(), column.find_physical_length()
        ends = column.run_ends.to_numpy()[first : first + runs].astype(np.int64) - column.offset
        lengths = np.diff(np.minimum(ends, len(column)), prepend=0)
        return np.repeat(self.numbers(column.values.slice(first, runs), charge), lengths)

    def _looked_up(self, column: Any, charge: Charge) -> Array:
        if self._dictionary is None or not self._dictionary.equals(column.dictionary):
            values = column.dictionary
            charge(len(values) * TEXT_BYTES + 4 * values.nbytes)
            self._dictionary = values
            self._codes = np.append(self.numbers(values, charge), np.nan)
        indices = _floats(column.indices)
        return self._codes[np.where(np.isnan(indices), -1, indices).astype(np.intp)]

    def _parsed(self, texts: Any) -> Array:
        # All cells of a view may share one large text.
        if len(texts) and (types.is_string_view(texts.type) or types.is_binary_view(texts.type)):
            views = texts.buffers()[1]  # 16 bytes each, of which the first four are the size
            sizes = np.frombuffer(views, np.int32, 4 * len(texts), 16 * texts.offset)[::4]
            if sizes.sum(dtype=np.int64) > self._max_bytes:
                raise Problem(413, f"A column must have at most {self._max_bytes} bytes of text.")
        known = self._known
        return np.array(
            [
                math.nan
                if cell is None
                else known[cell if isinstance(cell, str) else cell.decode(errors="replace")]
                for cell in texts.to_numpy(zero_copy_only=False).tolist()
            ]
        )


def is_accepted(kind: Any, feature: Feature) -> bool:
    """Return whether the values of a column can be those of a feature.

    Args:
        kind: Arrow type of the column.
        feature: The feature.
    """
    kind = _value_type(kind)
    if feature.type == "category":
        return kind in TEXTS or types.is_null(kind)
    return (
        types.is_null(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or (types.is_decimal(kind) and abs(kind.scale) <= MAX_SCALE)
        or (feature.type == "boolean" and types.is_boolean(kind))
    )


def takes_bytes(kind: Any) -> bool:
    """Return whether each cell of a column of an accepted type takes at least a bit of its batch.

    Otherwise a small batch could have any number of rows.

    Args:
        kind: Arrow type of the column.
    """
    return not types.is_null(kind) and not types.is_run_end_encoded(kind)


def _value_type(kind: Any) -> Any:
    """Return the type of the values of a dictionary or of runs, or another type as it is.

    A dictionary of values without data, which could be any number, stays a dictionary.
    """
    if types.is_run_end_encoded(kind):
        return kind.value_type
    if types.is_dictionary(kind) and not types.is_null(kind.value_type):
        return kind.value_type
    return kind


def _floats(column: Any) -> Array:
    """Return numbers or booleans as `(B,)` float64, NaN for null."""
    if types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    elif types.is_decimal(column.type):
        # As text: a cast of decimals to numbers is off by a last digit for one in five.
        column = column.cast(pa.string()).cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=float)
