"""What a model takes and answers: its features in order, their ranges, and its target."""

import math
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator

from model.prediction.target import Target

# A colon or a quote in a name would make a raw JSON body ambiguous to count; a comma or a line
# break would do the same to a CSV header; `instances` is the batch's own key in a request.
MOST_CHARACTERS = 100
NAME = r'^[^\x00-\x1f":,\\{}\[\]]+$'
FeatureName = Annotated[
    str, StringConstraints(pattern=NAME, min_length=1, max_length=MOST_CHARACTERS)
]
# As a value in a request it is under the same rule.
Category = FeatureName


def is_name(text: str) -> bool:
    """Whether a feature or a category may be called so."""
    return len(text) <= MOST_CHARACTERS and re.fullmatch(NAME, text) is not None


RESERVED_NAMES = frozenset({"instances"})
SHOWN_CATEGORIES = 10
TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}  # as a table's cell may spell them


class Feature(BaseModel):
    """One input column: a number, an integer score, one of several categories, or true or false.

    As a number a category is its place among the categories, true is 1, and NaN is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    name: FeatureName
    type: Literal["integer", "number", "category", "boolean"] = "number"
    categories: Annotated[tuple[Category, ...], Field(max_length=1000), Strict(False)] = ()
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    description: str | None = None
    may_be_missing: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name in RESERVED_NAMES:
            raise ValueError(f"a feature cannot be named {self.name!r}")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        if self.type in ("category", "boolean") and (self.minimum, self.maximum) != (None, None):
            raise ValueError(f"a {self.type} has no minimum and no maximum")
        if (self.type == "category") != bool(self.categories):
            raise ValueError("categories must be given for type category, and for no other")
        if len(set(self.categories)) != len(self.categories) or len(self.categories) == 1:
            raise ValueError("categories must be at least two, and each another")
        return self

    @property
    def rule(self) -> str:
        """The rule a value must keep, as an error message says it."""
        return f"must be {self._noun}" + (" or null" if self.may_be_missing else "")

    @property
    def _noun(self) -> str:
        if self.type == "boolean":
            return "true or false"
        if self.type == "category":
            more = len(self.categories) - SHOWN_CATEGORIES
            shown = ", ".join(self.categories[:SHOWN_CATEGORIES])
            return f"one of {shown}" + (f" and {more} more" if more > 0 else "")
        noun = "an integer" if self.type == "integer" else "a number"
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{noun}, at least {self.minimum:g}"
        if self.maximum is not None:
            return f"{noun}, at most {self.maximum:g}"
        return noun

    def accepts(self, value: float) -> bool:
        """Whether a number (NaN stands for a missing value) keeps the rule."""
        if math.isnan(value):
            return self.may_be_missing
        if self.type == "boolean":
            return value in (0, 1)
        if self.type == "category":
            return value.is_integer() and 0 <= value < len(self.categories)
        return (
            math.isfinite(value)
            and (self.type == "number" or value.is_integer())
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )

    def spelled(self, value: float) -> str | bool | int | float:
        """A number that the feature accepts as a request would have it."""
        if self.type == "category":
            return self.categories[int(value)]
        if self.type == "boolean":
            return bool(value)
        return round(value) if self.type == "integer" else value

    def read(self, cell: str) -> float:
        """The number that a table's cell stands for, NaN for an empty one.

        Raises ValueError, saying the rule, for one that does not keep it.
        """
        text = cell.strip()
        if not text:
            return math.nan
        try:
            value = self._number(text)
        except (ValueError, KeyError):
            raise ValueError(self.rule) from None
        if math.isnan(value) or not self.accepts(value):
            raise ValueError(self.rule)
        return value

    def _number(self, text: str) -> float:
        if self.type == "category":
            return float(self.categories.index(text))
        if self.type == "boolean":
            return TRUTHS[text.lower()]
        if "_" in text:  # which Python would take, within a number
            raise ValueError
        return float(text)


class Schema(BaseModel):
    """The features in the order the network takes them, and what it tells of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...] = Field(min_length=1, max_length=10_000)
    target: Target

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = self.names
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"feature {twice!r} is listed twice")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)
