"""Texts of a table's cells as raw values; training, scoring and serving read them alike."""

import math
import re
from collections.abc import Iterable
from typing import Final

from model.prediction.names import KnownNames
from model.prediction.numerals import Decimal, parse_number, plain_number
from model.prediction.schema import Feature, Schema

# Common spellings of a missing value in tables, beside the empty cell.
MARKERS: Final = ("?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None")
# Those that a column of numbers may have, in lower case.
MISSING_SPELLINGS: Final = frozenset(
    [
        *map(str.lower, MARKERS),
        *("-", "--", "---", "–", "—", ".", "..", "...", "*", "??", "nil", "n.a.", "k.a."),
        *("missing", "unknown", "#div/0!", "#null!", "#num!", "#ref!", "#value!"),
    ]
)
TRUTHS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), 1.0),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0"), 0.0),
}
MAX_PLAIN_CHARACTERS: Final = 40  # of a cell that `plain_text` looks at
_WHOLE: Final = re.compile(r"(?:-(?=0+\.0+$))?(-?[0-9]+)\.0+")  # -0.0 has the text 0
_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00:00(?:\.0+)?")


def plain_text(cell: str, decimal: Decimal | None = None) -> str:
    """Return a cell's text as it is in a table of any format.

    Formats and libraries spell some values differently: a whole number as "1.0" or "1", a truth as
    "True", "TRUE" or "true", a day with or without its midnight. Where the decimal mark is stated,
    a number has a decimal point and no groups of digits.

    Args:
        cell: The text, without blanks around it.
        decimal: The decimal mark of numbers, if it is stated.
    """
    if len(cell) > MAX_PLAIN_CHARACTERS:
        return cell
    if decimal is not None:
        cell = plain_number(cell, decimal)
    if cell.lower() in ("true", "false"):
        return cell.lower()
    found = _WHOLE.fullmatch(cell) or _MIDNIGHT.fullmatch(cell)
    return cell if found is None else found[1]


class CellParser:
    """Parses the texts of one feature.

    Args:
        feature: The feature.
        missing_values: Further texts that are read as missing.
        decimal: The decimal mark of numbers; None if it is not stated (see `parse_number`).

    Attributes:
        is_number: Whether the feature's values are numbers.
        missing: All texts that are read as missing: the empty one, `missing_values` and, for a
            feature that may be missing, the markers that spell none of its categories in any case.
        decimal: The decimal mark of numbers, or None.
    """

    def __init__(
        self, feature: Feature, missing_values: tuple[str, ...] = (), decimal: Decimal | None = None
    ) -> None:
        categories = {name: float(place) for place, name in enumerate(feature.categories)}
        spelled = {name.lower() for name in categories}
        markers = MARKERS if feature.may_be_missing else ()
        others = (each for each in markers if each.lower() not in spelled)
        self.missing = frozenset(("", *others, *missing_values))
        self.is_number, self.decimal = feature.type in ("integer", "number"), decimal
        self._feature = feature
        self._categories = categories | dict.fromkeys(missing_values, math.nan)
        self._names = KnownNames(self._categories)
        is_open = feature.unseen == "other"
        self._unknown = float(len(feature.categories)) if is_open else math.inf
        # Other spellings of a category find it, unless they are those of two categories.
        plain = [*map(plain_text, categories)]
        self._plain = {
            text: value
            for text, value in zip(plain, categories.values(), strict=True)
            if plain.count(text) == 1
        }

    def __call__(self, cell: str) -> float:
        """Return the raw value of a cell; `SchemaRules` checks its range.

        Args:
            cell: Text of the cell.

        Returns:
            NaN for a missing value; infinity for a text that is no value of this type. A text that
            is no category has the raw value of unknown ones, unless the feature refuses them.
        """
        text = self._names.find(cell.strip())
        if text in self.missing:
            return math.nan
        if self.is_number:
            return parse_number(text, self.decimal)
        if self._feature.type == "boolean":
            return TRUTHS.get(text.lower(), math.inf)
        value = self._categories.get(text)
        if value is not None:
            return value
        return self._plain.get(plain_text(text, self.decimal), self._unknown)

    @property
    def other_mark(self) -> str:
        """The mark that is not the decimal one: "," or "."."""
        return "." if self.decimal == "," else ","

    def broken_rule(self, cell: str) -> str:
        """Return the rule that an invalid cell breaks, as an error message states it.

        Args:
            cell: Text of the cell. "1,5" is no number with a decimal point, and "1,500" has two
                meanings unless the decimal mark is stated.
        """
        mark = "comma" if self.decimal == "," else "point"
        has_other_mark = self.is_number and self.other_mark in cell
        return self._feature.cell_rule + f", written with a decimal {mark}" * has_other_mark

    def category(self, name: str) -> float:
        """Return the raw value of a category's name in a format that has null, such as JSON.

        Args:
            name: The name, without blanks around it.

        Returns:
            NaN for one of `missing_values`. For a text that is no category, the raw value of
            unknown ones, or infinity where the feature refuses them.
        """
        value = self._categories.get(name)  # most names need no search
        return (
            self._categories.get(self._names.find(name), self._unknown) if value is None else value
        )


def cell_parsers(schema: Schema) -> list[CellParser]:
    """Return the parser of each feature."""
    return [
        CellParser(feature, schema.missing_values, schema.decimal) for feature in schema.features
    ]


def missing_spellings(
    texts: Iterable[str], decimal: Decimal | None = None
) -> frozenset[str] | None:
    """Return the texts by which a column of numbers spells missing values.

    A number is none of them: -9 may stand for a missing value, or for -9.

    Args:
        texts: Texts of the column, without blanks around them.
        decimal: The decimal mark of numbers; None if it is not stated (see `parse_number`).

    Returns:
        The texts, without the empty one. None if the column has no number, or another text.
    """
    distinct = set(texts) - {""}
    others = {text for text in distinct if math.isinf(parse_number(text, decimal))}
    is_numeric = len(others) < len(distinct)
    known = all(text.lower() in MISSING_SPELLINGS for text in others)
    return frozenset(others) if is_numeric and known else None


def missing_numbers(missing_values: tuple[str, ...]) -> frozenset[float]:
    """Return the numbers among texts that are read as missing."""
    return frozenset(filter(math.isfinite, map(parse_number, missing_values)))
