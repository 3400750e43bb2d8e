"""Names and cached cells of a table's columns."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from model.arrays import Array
from service.codecs.blocks import TableRules
from service.codecs.extra import MAX_EXTRA_COLUMNS, SimilarNames
from service.codecs.json.names import TWICE
from service.problems import FieldError, Problem, safe_name

UNNAMED: Final = "must have at most one column without a name"
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


def read_header(header: Sequence[str], rules: TableRules) -> list[str]:
    """Check the names of a table's columns.

    Args:
        header: The names, in the order of the columns.
        rules: The model's rules.

    Returns:
        The names: those of features in the form NFC, those of extra columns as they are.

    Raises:
        Problem: A name is given twice or misspelt, a required feature is missing, or there are too
            many extra columns (422).
    """
    features = rules.names
    if len(header) == len(features) and features.issubset(header):
        return list(header)
    names = [rules.aliases.get(name, name) for name in map(rules.columns.find, header)]
    given = Counter(names)
    extra = [name for name in given if name not in features]
    if len(extra) > MAX_EXTRA_COLUMNS:
        rule = f"must have at most {MAX_EXTRA_COLUMNS} columns that are not features of this model"
        raise Problem.invalid([FieldError(field="header", rule=rule)])
    errors = [
        FieldError(field=safe_name(name) or "header", rule=TWICE if name else UNNAMED)
        for name, count in given.items()
        if count > 1
    ]
    errors += [
        FieldError(field=each.name, rule="is required")
        for each in rules.schema.features
        if not each.may_be_missing and each.name not in given
    ]
    similar = SimilarNames(rules.schema)
    errors += [
        FieldError(field=safe_name(name), rule=misspelt)
        for name in extra
        if (misspelt := similar.rule(name, given))
    ]
    if errors:
        raise Problem.invalid(errors)
    return names
