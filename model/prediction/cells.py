"""Texts of a table's cells as raw values; training, scoring and serving read them alike."""

import math
from typing import Final

from model.prediction.names import KnownNames
from model.prediction.schema import Feature, Schema

# Common spellings of a missing value in tables, beside the empty cell.
MARKERS: Final = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None")
TRUTHS: Final = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


class CellParser:
    """Parses the texts of one feature.

    Args:
        feature: The feature.
        missing_values: Further texts that are read as missing.

    Attributes:
        is_number: Whether the feature's values are numbers.
        missing: All texts that are read as missing: the empty one, `missing_values` and, for a
            feature that may be missing, the markers that spell none of its categories in any case.
    """

    def __init__(self, feature: Feature, missing_values: tuple[str, ...] = ()) -> None:
        categories = {name: float(place) for place, name in enumerate(feature.categories)}
        spelled = {name.lower() for name in categories}
        markers = MARKERS if feature.may_be_missing else ()
        others = (each for each in markers if each.lower() not in spelled)
        self.missing = frozenset(("", *others, *missing_values))
        self._feature = feature
        self.is_number = feature.type in ("integer", "number")
        self._categories = categories | dict.fromkeys(missing_values, math.nan)
        self._names = KnownNames(self._categories)

    def __call__(self, cell: str) -> float:
        """Return the raw value of a cell; `SchemaRules` checks its range.

        Args:
            cell: Text of the cell.

        Returns:
            NaN for a missing value; infinity for a text that is no value of this type.
        """
        text = self._names.find(cell.strip())
        if text in self.missing:
            return math.nan
        if self.is_number:
            return _number(text)
        known = TRUTHS if self._feature.type == "boolean" else self._categories
        return known.get(text.lower() if known is TRUTHS else text, math.inf)

    def broken_rule(self, cell: str) -> str:
        """Return the rule that an invalid cell breaks, as an error message states it.

        A decimal comma is not read: "1,500" may stand for 1.5 or for 1500.
        """
        is_comma_number = self.is_number and "," in cell
        return self._feature.cell_rule + ", written with a decimal point" * is_comma_number

    def category(self, name: str) -> float:
        """Return the raw value of a category's name in a format that has null, such as JSON.

        Args:
            name: The name, without blanks around it.

        Returns:
            NaN for one of `missing_values`; infinity for a text that is no category.
        """
        value = self._categories.get(name)  # most names need no search
        return self._categories.get(self._names.find(name), math.inf) if value is None else value


def cell_parsers(schema: Schema) -> list[CellParser]:
    """Return the parser of each feature."""
    return [CellParser(feature, schema.missing_values) for feature in schema.features]


def missing_numbers(missing_values: tuple[str, ...]) -> frozenset[float]:
    """Return the numbers among texts that are read as missing."""
    return frozenset(filter(math.isfinite, map(_number, missing_values)))


def _number(text: str) -> float:
    """Return the number that a text spells; infinity if it spells none."""
    try:
        value = float(text)
    except ValueError:
        return math.inf
    # float() accepts "nan" and underscores too.
    return math.inf if math.isnan(value) or "_" in text else value
