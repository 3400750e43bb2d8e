"""Names and cached cells of a table's columns."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from model.arrays import Array
from model.prediction.schema import Schema
from service.codecs.json.names import safe_name
from service.problems import FieldError, Problem

MAX_CACHED_CELLS = 4096
MAX_CACHED_CHARACTERS = 100  # of a cell; longer cells are not cached
CACHED_CELL_BYTES = 4 * MAX_CACHED_CHARACTERS + 200  # memory


class CellCache(dict[str, float]):
    """Cache of parsed cells.

    Args:
        parse: Function from the text of a cell to its raw value.
    """

    def __init__(self, parse: Callable[[str], float]) -> None:
        super().__init__()
        self._parse = parse

    @property
    def is_full(self) -> bool:
        """True if the cache holds `MAX_CACHED_CELLS` cells and accepts none."""
        return len(self) >= MAX_CACHED_CELLS

    def __missing__(self, cell: str) -> float:
        number = self._parse(cell)
        if not self.is_full and len(cell) <= MAX_CACHED_CHARACTERS:
            self[cell] = number
        return number

    def of(self, cells: list[str]) -> Array:
        """Return the numbers `(N,)` of cells."""
        return np.fromiter(map(self.__getitem__, cells), float, len(cells))


def require_columns(names: list[str], schema: Schema) -> None:
    """Check the names of a table's columns.

    Args:
        names: The names, in the order of the columns.
        schema: The model's schema.

    Raises:
        Problem: A name is unknown or duplicate, or a required feature is missing (422).
    """
    given, features = Counter(names), schema.features
    known = {feature.name for feature in features}
    errors = [
        FieldError(field=safe_name(name) or "header", rule="is not a feature of this model")
        for name in given
        if name not in known
    ]
    for feature in features:
        if given[feature.name] > 1:
            errors.append(FieldError(field=feature.name, rule="is given twice"))
        elif not given[feature.name] and not feature.may_be_missing:
            errors.append(FieldError(field=feature.name, rule="is required"))
    if errors:
        raise Problem.invalid(errors)
