"""Bins of features and of predictions: few enough that counts say nothing about a single row.

A number has up to ten bins between quantiles of the training rows, each with its upper end; an
integer of few levels, a category and a boolean have a bin for each value. Further bins count what
is no usual value: numbers that are clipped, unknown categories, and missing values.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import ArtifactError
from model.prediction.schema import Feature
from model.prediction.schema_rules import bounds

MAX_BINS: Final = 10  # of a number
MORE_LEVELS: Final = 2  # an integer may have so many levels more than MAX_BINS, a bin each
MAX_CATEGORIES: Final = 2 * MAX_BINS  # of more, the most frequent have a bin, and the others one
MAX_TOTAL_BINS: Final = 40_000  # of all numbers, which limits the size of an artifact
MAX_CUTS: Final = MAX_CATEGORIES - 1
MAX_CUT_CHARACTERS: Final = 1000
DIGITS: Final = 3  # of the distance between quantiles, in the ends of bins
HUGE: Final = 1e300  # numbers beyond it are not rounded
PROBABILITIES: Final = np.arange(1, MAX_BINS) / MAX_BINS

MISSING: Final = "missing"
UNKNOWN: Final = "unknown"
OTHERS: Final = "others"
BELOW: Final = "below range"
ABOVE: Final = "above range"


@dataclass(frozen=True)
class FeatureBins:
    """The bins of one feature.

    Attributes:
        feature: The feature.
        cuts: Upper ends of all bins of a number but the last, ascending; places of the categories
            that have a bin, ascending, where others share one. Else empty.
    """

    feature: Feature
    cuts: tuple[float, ...] = ()

    @classmethod
    def fit(cls, feature: Feature, values: Array, bins: int = MAX_BINS) -> "FeatureBins":
        """Choose the bins of a feature.

        Args:
            feature: The feature.
            values: Raw values of the training rows, `(B,)`, NaN where missing.
            bins: Largest number of bins of a number; of categories twice as many.
        """
        present = values[~np.isnan(values)]
        if feature.type == "category":
            return cls(feature, _frequent(feature, present, 2 * bins))
        if feature.type == "boolean" or not len(present):
            return cls(feature)
        low, high = bounds(feature)
        present = present[(present >= low) & (present <= high)]
        if feature.type == "integer":
            levels = _levels(low, high, present, bins + MORE_LEVELS)
            if levels is not None:
                return cls(feature, levels[:-1])
        return cls(feature, _quantiles(present, bins, whole=feature.type == "integer"))

    def places(self, values: Array) -> Array:
        """Return the number of each value's bin.

        Args:
            values: Raw values that satisfy the schema, `(B,)`, NaN where missing.

        Returns:
            Places in `names`, `(B,)`, int.
        """
        is_missing = np.isnan(values)
        if self._of_level is not None:
            found = self._of_level[np.where(is_missing, 0, values).astype(int)]
        else:
            found = np.searchsorted(self._edges, values)
            if self.feature.out_of_range == "clip":
                low, high = bounds(self.feature)
                names = self.names
                if BELOW in names:
                    found[values < low] = names.index(BELOW)
                if ABOVE in names:
                    found[values > high] = names.index(ABOVE)
        found[is_missing] = len(self.names) - 1
        return np.asarray(found)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The bins in words; the last one is `MISSING`."""
        return (*self._usual_names, *self._outside_names, MISSING)

    @property
    def outside(self) -> slice:
        """The places of clipped numbers and of unknown categories."""
        first = len(self._usual_names)
        return slice(first, first + len(self._outside_names))

    @property
    def _usual_names(self) -> Sequence[str]:
        feature = self.feature
        if feature.type == "boolean":
            return "false", "true"
        if feature.type == "category":
            if not self.cuts:
                return feature.categories
            return *(feature.categories[int(cut)] for cut in self.cuts), OTHERS
        low, high = bounds(feature)
        ends = (
            None if feature.minimum is None else low,
            *self.cuts,
            None if feature.maximum is None else high,
        )
        return _intervals(ends, whole=feature.type == "integer")

    @property
    def _outside_names(self) -> tuple[str, ...]:
        feature = self.feature
        if feature.type == "category":
            return (UNKNOWN,) * (feature.unseen == "other")
        if feature.out_of_range != "clip":
            return ()
        return (BELOW,) * (feature.minimum is not None) + (ABOVE,) * (feature.maximum is not None)

    @cached_property
    def _edges(self) -> Array:
        return np.array(self.cuts)

    @cached_property
    def _of_level(self) -> Array | None:
        """The bin of each level of a category, or of false and true; None for a number."""
        if self.feature.type == "boolean":
            return np.arange(2)
        if self.feature.type != "category":
            return None
        categories = len(self.feature.categories)
        found = np.arange(categories)
        if self.cuts:
            found[:] = len(self.cuts)
            found[np.array(self.cuts, dtype=int)] = np.arange(len(self.cuts))
        return np.append(found, len(self._usual_names))  # the level of unknown categories

    def to_text(self) -> str:
        """Return the cuts as numbers with spaces between."""
        return text_of(self.cuts)

    @classmethod
    def from_text(cls, feature: Feature, text: str) -> "FeatureBins":
        """Read the cuts that `to_text` returned.

        Args:
            feature: The feature.
            text: The text, which is not trusted.

        Raises:
            ArtifactError: The text has no cuts of this feature.
        """
        cuts = cuts_of(text)
        if feature.type == "boolean" and cuts:
            raise ArtifactError("a boolean has no cuts")
        if feature.type == "category":
            known = len(feature.categories)
            if not all(cut.is_integer() and 0 <= cut < known for cut in cuts):
                raise ArtifactError("cuts must be places of categories")
            if known > MAX_CATEGORIES and not cuts:
                raise ArtifactError(f"more than {MAX_CATEGORIES} categories need cuts")
        elif feature.type == "integer" and not all(cut.is_integer() for cut in cuts):
            raise ArtifactError("cuts of an integer must be integers")
        return cls(feature, cuts)


@dataclass(frozen=True)
class OutputBins:
    """The bins of the predictions of one output.

    Probabilities have ten bins of 0.1, each with its upper end, so that the bin of a probability
    follows from one of 1 000 bins: it is its number divided by 100.

    Attributes:
        name: The output's name.
        cuts: Upper ends of all bins of a number but the last, ascending; None for a probability.
    """

    name: str
    cuts: tuple[float, ...] | None = None

    @classmethod
    def fit(cls, name: str, values: Array) -> "OutputBins":
        """Choose the bins of an output that is a number.

        Args:
            name: The output's name.
            values: Predictions of held-out rows, `(B,)`.
        """
        return cls(name, _quantiles(values, MAX_BINS, whole=False) if len(values) else ())

    def places(self, predictions: Array) -> Array:
        """Return the number of each prediction's bin, `(B,)`, int.

        Args:
            predictions: `(B,)`.
        """
        return np.searchsorted(self._edges, predictions)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The bins in words."""
        ends = (
            (0.0, *PROBABILITIES.tolist(), 1.0) if self.cuts is None else (None, *self.cuts, None)
        )
        return _intervals(ends, whole=False)

    @cached_property
    def _edges(self) -> Array:
        return PROBABILITIES if self.cuts is None else np.array(self.cuts)


def bins_for(features: int) -> int:
    """Return the largest number of bins of a number in a model of so many features, 4 to 10."""
    return max(MAX_TOTAL_BINS // 10_000, min(MAX_BINS, MAX_TOTAL_BINS // features))


def text_of(numbers: Sequence[float]) -> str:
    """Return numbers with spaces between, none of them rounded."""
    return " ".join(map(_number, numbers))


def cuts_of(text: str) -> tuple[float, ...]:
    """Read ascending numbers from a text that is not trusted.

    Raises:
        ArtifactError: The text is not as `text_of` writes it, or has too many numbers.
    """
    if len(text) > MAX_CUT_CHARACTERS:
        raise ArtifactError(f"cuts may have {MAX_CUT_CHARACTERS} characters")
    try:
        cuts = tuple(map(float, text.split()))
    except ValueError:
        raise ArtifactError("cuts must be numbers with spaces between") from None
    if not all(map(math.isfinite, cuts)) or text_of(cuts) != text:
        raise ArtifactError("cuts must be finite numbers with a space between")
    if len(cuts) > MAX_CUTS or any(low >= high for low, high in pairwise(cuts)):
        raise ArtifactError(f"cuts must be at most {MAX_CUTS} ascending numbers")
    return cuts


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _frequent(feature: Feature, codes: Array, most: int) -> tuple[float, ...]:
    """Return the places of the most frequent categories, if there are too many for a bin each."""
    categories = len(feature.categories)
    if categories <= most:
        return ()
    counts = np.bincount(codes.astype(int), minlength=categories)[:categories]
    return tuple(map(float, sorted(np.argsort(-counts, kind="stable")[: most - 1].tolist())))


def _levels(low: float, high: float, present: Array, most: int) -> tuple[float, ...] | None:
    """Return the integers of a range, or those that occur; None if there are too many."""
    if high - low < most:
        return tuple(low + step for step in range(int(high - low) + 1))
    found = np.unique(present)
    return tuple(found.tolist()) if len(found) <= most else None


def _quantiles(values: Array, bins: int, *, whole: bool) -> tuple[float, ...]:
    """Return distinct quantiles below the largest value, rounded to what their distance needs."""
    if not len(values):
        return ()
    shares = np.arange(1, bins) / bins
    ends = np.quantile(values, shares, method="inverted_cdf")
    return tuple(_distinct(ends.tolist(), float(values.max()), whole=whole))


def _distinct(ends: list[float], largest: float, *, whole: bool) -> Iterator[float]:
    spread = ends[-1] - ends[0]
    is_rounded = not whole and 0 < spread < math.inf and max(map(abs, ends)) < HUGE
    last = -math.inf
    for end in ends:
        if is_rounded:
            end = round(end, DIGITS - math.floor(math.log10(spread))) + 0.0  # not -0.0
        if last < end < largest:
            yield end
            last = end


def _intervals(ends: Sequence[float | None], *, whole: bool) -> tuple[str, ...]:
    """Return the words for the numbers above each end, up to and including the next one.

    Args:
        ends: Ascending ends; the first, the smallest number, and the last are None for no limit.
        whole: Whether the numbers are integers.
    """
    return tuple(
        _interval(low, high, after=whole and place > 0)
        for place, (low, high) in enumerate(pairwise(ends))
    )


def _interval(low: float | None, high: float | None, *, after: bool) -> str:
    if low is None:
        return "any" if high is None else f"up to {_number(high)}"
    if high is None:
        return f"above {_number(low)}"
    low += after
    return f"{_number(low)} to {_number(high)}" if low < high else _number(high)
