"""What a model takes and answers: its features in order, their ranges, and the two labels."""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

# A colon or a quote in a name would make a raw JSON body ambiguous to count; a comma or a line
# break would do the same to a CSV header; `instances` is the batch's own key in a request.
FeatureName = Annotated[
    str, StringConstraints(pattern=r'^[^\x00-\x1f":,\\{}\[\]]+$', min_length=1, max_length=100)
]
Label = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", min_length=1, max_length=100)]

RESERVED_NAMES = frozenset({"instances"})


class Feature(BaseModel):
    """One input column: a number or an integer score, with its range where it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    name: FeatureName
    type: Literal["integer", "number"] = "number"
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
        return self

    @property
    def rule(self) -> str:
        """The rule a value must keep, as an error message says it."""
        noun = "an integer" if self.type == "integer" else "a number"
        if self.minimum is not None and self.maximum is not None:
            noun += f" from {self.minimum:g} to {self.maximum:g}"
        elif self.minimum is not None:
            noun += f", at least {self.minimum:g}"
        elif self.maximum is not None:
            noun += f", at most {self.maximum:g}"
        return f"must be {noun}" + (" or null" if self.may_be_missing else "")

    def accepts(self, value: float) -> bool:
        """Whether a number (NaN stands for a missing value) keeps the rule."""
        if math.isnan(value):
            return self.may_be_missing
        return (
            math.isfinite(value)
            and (self.type == "number" or value.is_integer())
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )


class Schema(BaseModel):
    """The features in the order the network takes them, and the labels it tells apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...] = Field(min_length=1, max_length=10_000)
    negative: Label
    positive: Label

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = self.names
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"feature {twice!r} is listed twice")
        if self.negative == self.positive:
            raise ValueError("the two labels must differ")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)
