"""The content of a column: numbers, dates, truths or texts, and its missing values."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from model.arrays import Array
from model.prediction.cells import MARKERS, MISSING_SPELLINGS, TRUTHS
from model.prediction.numerals import parse_number

MAX_EXACT: Final = 2.0**53  # above, not every whole number is a float
MAX_NUMBER: Final = 2.0**63  # of the numbers in an artifact's metadata
_CLOCK = r"([T ]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?"
_MONTH = r"(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*"
_DATE: Final = re.compile(
    rf"(\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{2,4}}"
    rf"|\d{{1,2}}[-. ]+{_MONTH}[-., ]+\d{{2,4}}|{_MONTH}[-. ]+\d{{1,2}}[-., ]+\d{{2,4}}){_CLOCK}",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Content:
    """What the texts of a column spell.

    Attributes:
        cells: The texts, "" for an empty cell.
        missing_values: Texts that are read as missing, beside the markers.
    """

    cells: "pd.Series[str]"
    missing_values: frozenset[str] = frozenset()

    @cached_property
    def counts(self) -> dict[str, int]:
        """How often each text occurs, but for the empty one and the markers of missing values."""
        found = self.cells.value_counts(sort=False)
        gaps = {"", *MARKERS, *self.missing_values}
        return {str(text): int(count) for text, count in found.items() if text not in gaps}

    @cached_property
    def numbers(self) -> dict[str, float] | None:
        """The finite number of each text; None if a text is neither a number nor missing.

        Infinite numbers, and numbers too large for a float, are missing.
        """
        parsed = numbers_of(self.counts)
        finite = {text: number for text, number in parsed.items() if math.isfinite(number)}
        rest = (text for text in parsed if text not in finite)
        return finite if finite and all(map(_is_missing, rest)) else None

    @property
    def spellings_of_missing(self) -> list[str]:
        """The texts of a column of numbers that are none, or infinite, or too large."""
        return (
            []
            if self.numbers is None
            else [each for each in self.counts if each not in self.numbers]
        )

    @property
    def missing(self) -> int:
        """The number of cells without a value."""
        present = self.counts if self.numbers is None else self.numbers
        return len(self.cells) - sum(self.counts[text] for text in present)

    @property
    def values(self) -> list[str] | list[float]:
        """The distinct values: numbers if all of them are, else texts, sorted."""
        return sorted(self.counts) if self.numbers is None else sorted(set(self.numbers.values()))

    @cached_property
    def most_common(self) -> int:
        """The number of cells with the most frequent value; 0 if there is none."""
        counts: dict[str | float, int] = {}
        for text, count in self.counts.items():
            value = text if self.numbers is None else self.numbers.get(text, math.nan)
            counts[value] = counts.get(value, 0) + count
        return max(counts.values(), default=0)

    @property
    def is_truth(self) -> bool:
        """Whether the texts are two truths, such as true and false, or 0 and 1."""
        lower = {text.lower() for text in self.counts}
        return len({TRUTHS.get(text) for text in lower}) == 2 and lower <= set(TRUTHS)

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers that a float holds exactly."""
        numbers = self.numbers or {}
        return bool(numbers) and all(
            each.is_integer() and abs(each) < MAX_EXACT for each in numbers.values()
        )

    @property
    def is_huge(self) -> bool:
        """Whether a number is larger than those that an artifact states."""
        return any(abs(each) > MAX_NUMBER for each in (self.numbers or {}).values())

    @property
    def is_date(self) -> bool:
        """Whether all texts are dates, with or without a time."""
        return bool(self.counts) and all(_DATE.fullmatch(text) for text in self.counts)

    @property
    def is_consecutive(self) -> bool:
        """Whether the cells number the rows: whole numbers without a gap, each once.

        Few rows may do so by chance, unless they are in order.
        """
        if not self.is_whole or self.missing or self.most_common > 1:
            return False
        numbers: Array = np.array([(self.numbers or {})[text] for text in self.cells])
        in_order = bool((np.diff(numbers) == 1).all())
        return in_order or (len(numbers) >= 20 and bool((np.diff(np.sort(numbers)) == 1).all()))


def numbers_of(texts: Collection[str]) -> dict[str, float]:
    """Return the number of each text, infinity for one that spells none.

    Args:
        texts: The texts, without blanks around them.
    """
    if not any("_" in text for text in texts):
        try:
            values = np.array([*texts], dtype=object).astype(float)
        except ValueError:
            pass
        else:
            if not np.isnan(values).any():
                return dict(zip(texts, values.tolist(), strict=True))
    return {text: parse_number(text) for text in texts}


def _is_missing(text: str) -> bool:
    """Return whether a text spells a missing value, or a number that is infinite or too large."""
    if text.lower() in MISSING_SPELLINGS:
        return True
    try:
        return math.isinf(float(text))
    except ValueError:
        return False
