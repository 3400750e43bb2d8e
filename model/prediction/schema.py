"""The schema of a model: its features in order, their types and ranges, and its target."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)

from model.prediction.names import MAX_CHARACTERS, Name, Text, nfc, without_controls
from model.prediction.numerals import Decimal
from model.prediction.target import Target

RESERVED_NAMES = frozenset({"instances"})  # the key of a batch
SHOWN_CATEGORIES = 10
SHOWN_LEVELS = 12
OTHER = "other"  # name of the level of unknown categories
# Fields that are left out where they are not given, as formats before them had none.
_LATER_FIELDS = (
    "column",
    "unseen",
    "out_of_range",
    "actionable",
    "monotone",
    "label",
    "group",
    "step",
    "levels",
    "typical",
)
MAX_LEVEL_CHARACTERS = 300
MAX_LEVELS = 1000
LARGEST_TYPICAL = 2**63  # as an artifact's metadata states numbers


def _with_integer_keys(given: object) -> object:
    """Return a table with integers in place of keys that spell them, as TOML and JSON do.

    Raises:
        ValueError: If a key is no integer in its shortest spelling, so that no two are the same.
    """
    if not isinstance(given, Mapping):
        raise ValueError('must be a table of integers and texts, such as { 1 = "low" }')
    if not 1 <= len(given) <= MAX_LEVELS:
        raise ValueError(f"must have 1 to {MAX_LEVELS} texts")
    levels = {}
    for key, text in given.items():
        if not re.fullmatch(r"0|-?[1-9][0-9]{0,15}", str(key)) or isinstance(key, bool):
            raise ValueError("the keys must be integers")
        levels[int(key)] = text
    return levels


LevelText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LEVEL_CHARACTERS),
    AfterValidator(without_controls),
]


class Feature(BaseModel):
    """One input column.

    In raw rows a category is the number of its place in `category_levels`, true is 1, false is 0,
    and a missing value is NaN.

    Attributes:
        name: Unique name, 1 to 100 characters.
        column: Name of the column in a table, if it differs from `name`; "" for a column without
            a name. Tables may have either name; other formats have `name` only.
        type: "integer", "number", "category" or "boolean".
        categories: Names of the categories, 2 to 1000 of them, for type "category" only.
        minimum: Smallest valid value of a number; None for no limit.
        maximum: Largest valid value of a number; None for no limit.
        unit: Unit of the value, for display, up to 100 characters.
        description: Description of the feature, for display, up to 1000 characters.
        may_be_missing: Whether missing values are accepted; they are imputed.
        unseen: "other" accepts unknown texts as a category, which the network knows as one more
            level; they are refused by default.
        out_of_range: "clip" accepts numbers beyond minimum and maximum, and predicts as for the
            nearer of these; they are refused by default.
        actionable: How a counterfactual may change the value: "no" for not at all; "up" or "down",
            of a number or boolean; "any" (the default).
        monotone: "up" if no larger value, or true, may lower a prediction; "down" if none may raise
            it. For numbers and booleans.
        label: Name for display, 1 to 100 characters.
        group: Heading under which features are shown together, 1 to 100 characters.
        step: Increment of the value in an input form, above 0. For numbers; that of an integer is
            whole.
        levels: Text of integers, for display, each up to 300 characters. For type "integer"; not
            every integer needs one.
        typical: Value that an input form starts with, as a request spells it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    name: Name
    column: Text | None = None
    type: Literal["integer", "number", "category", "boolean"] = "number"
    categories: Annotated[tuple[Name, ...], Field(max_length=1000), Strict(False)] = ()
    minimum: float | None = None
    maximum: float | None = None
    unit: Annotated[str, StringConstraints(max_length=MAX_CHARACTERS)] | None = None
    description: Annotated[str, StringConstraints(max_length=1000)] | None = None
    may_be_missing: bool = False
    unseen: Literal["refuse", "other"] | None = None
    out_of_range: Literal["refuse", "clip"] | None = None
    actionable: Literal["no", "up", "down", "any"] | None = None
    monotone: Literal["up", "down"] | None = None
    label: Name | None = None
    group: Name | None = None
    step: Annotated[float, Field(gt=0)] | None = None
    levels: Annotated[dict[int, LevelText], BeforeValidator(_with_integer_keys)] | None = None
    typical: bool | int | float | str | None = None

    @field_validator("typical", mode="plain")
    @classmethod
    def _check_typical(cls, given: object) -> object:
        """Check the type without pydantic's union, whose error would list every alternative."""
        if given is None or isinstance(given, bool | int | float):
            return given
        if isinstance(given, str):
            return nfc(given)
        raise ValueError("must be a number, a text, true or false")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name in RESERVED_NAMES:
            raise ValueError(f"a feature cannot be named {self.name!r}")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        if self.type == "integer" and not self._has_integer:
            raise ValueError("there must be an integer from minimum to maximum")
        if self.type in ("category", "boolean") and (self.minimum, self.maximum) != (None, None):
            raise ValueError(f"a {self.type} has no minimum and no maximum")
        if (self.type == "category") != bool(self.categories):
            raise ValueError("categories must be given for type category, and for no other")
        if len(set(self.categories)) != len(self.categories) or len(self.categories) == 1:
            raise ValueError("there must be at least two categories, without duplicates")
        if self.unseen is not None and self.type != "category":
            raise ValueError("unseen is for type category")
        if self.actionable in ("up", "down") and self.type == "category":
            raise ValueError("actionable up and down are for numbers and booleans")
        if self.monotone is not None and self.type == "category":
            raise ValueError("monotone is for numbers and booleans")
        if self.out_of_range is not None and self.type not in ("integer", "number"):
            raise ValueError("out_of_range is for numbers")
        if self.out_of_range == "clip" and (self.minimum, self.maximum) == (None, None):
            raise ValueError("out_of_range clip needs a minimum or a maximum")
        self._check_display()
        return self

    def _check_display(self) -> None:
        """Check the fields that only input forms and documents show."""
        if self.step is not None and self.type not in ("integer", "number"):
            raise ValueError("step is for numbers")
        if self.step is not None and self.type == "integer" and not self.step.is_integer():
            raise ValueError("step of an integer must be a whole number")
        if self.levels is not None and self.type != "integer":
            raise ValueError("levels are for type integer")
        if not all(map(self._is_in_range, self.levels or ())):
            raise ValueError("the keys of levels must be from minimum to maximum")
        if self.typical is not None and not self._is_known(self.typical):
            raise ValueError(f"typical must be {self.known_values}")

    def __hash__(self) -> int:
        return hash((self.name, self.column, self.type))  # `levels` is a dict, which has no hash

    @model_serializer(mode="wrap")
    def _without_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        absent = {name for name in _LATER_FIELDS if getattr(self, name) is None}
        return {name: value for name, value in fields.items() if name not in absent}

    @property
    def source(self) -> str:
        """The name of the feature's column in the table that the model was trained on."""
        return self.name if self.column is None else self.column

    @property
    def shown_name(self) -> str:
        """The label, or the name of a feature without one."""
        return self.name if self.label is None else self.label

    @property
    def category_levels(self) -> tuple[str, ...]:
        """The categories and, where unknown ones are accepted, their common level `OTHER`."""
        return self.categories + (OTHER,) * (self.unseen == "other")

    def _is_known(self, value: bool | int | float | str) -> bool:
        """Return whether a value, as a request spells it, is neither clipped nor unknown."""
        if self.type == "boolean":
            return isinstance(value, bool)
        if self.type == "category":
            return value in self.categories
        if isinstance(value, bool | str) or (self.type == "integer" and isinstance(value, float)):
            return False
        return abs(value) <= LARGEST_TYPICAL and self._is_in_range(value)

    def _is_in_range(self, value: float) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        return low <= value <= (math.inf if self.maximum is None else self.maximum)

    @property
    def _has_integer(self) -> bool:
        if self.minimum is None or self.maximum is None:
            return True
        return math.ceil(self.minimum) <= math.floor(self.maximum)

    @property
    def rule(self) -> str:
        """The rule for valid values as an error message states it, from "must be" on."""
        return self.rule_with("null")

    @property
    def cell_rule(self) -> str:
        """The rule for the text of a table's cell, which has no null."""
        return self.rule_with("empty")

    def rule_with(self, missing: str) -> str:
        """Return the rule for valid values of a format.

        Args:
            missing: Name of a missing value in the format; "" if the format has none.
        """
        can_miss = self.may_be_missing and missing
        return f"must be {self._noun}" + (f" or {missing}" if can_miss else "")

    @property
    def known_values(self) -> str:
        """The values that are neither clipped nor unknown, such as "a number from 0 to 9"."""
        return self.model_copy(update={"unseen": None, "out_of_range": None})._noun

    @property
    def _noun(self) -> str:
        if self.type == "boolean":
            return "true or false"
        if self.type == "category" and self.unseen == "other":
            return "a text"
        if self.type == "category":
            more = len(self.categories) - SHOWN_CATEGORIES
            shown = ", ".join(self.categories[:SHOWN_CATEGORIES])
            return f"one of {shown}" + (f" and {more} more" if more > 0 else "")
        noun = "an integer" if self.type == "integer" else "a number"
        if self.out_of_range == "clip":
            return noun
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{noun}, at least {self.minimum:g}"
        if self.maximum is not None:
            return f"{noun}, at most {self.maximum:g}"
        return noun

    def spelled(self, value: float) -> str | bool | int | float:
        """Return a valid raw value as a request spells it: a number, a bool or a category."""
        if self.type == "category":
            return self.categories[int(value)]
        if self.type == "boolean":
            return bool(value)
        return round(value) if self.type == "integer" else value


def levels_text(levels: Mapping[Any, str]) -> str:
    """Return the texts of integers in one line, at most 12 of them; "" for none.

    Args:
        levels: The text of each integer, in any order.
    """
    ordered = sorted(levels.items(), key=lambda item: int(item[0]))
    shown = [f"{level}: {text}" for level, text in ordered[:SHOWN_LEVELS]]
    if len(ordered) > SHOWN_LEVELS:
        shown.append(f"and {len(ordered) - SHOWN_LEVELS} more")
    return f"{'; '.join(shown)}." if shown else ""


class Schema(BaseModel):
    """The features in the order of a raw row, and the target.

    Attributes:
        features: 1 to 10 000 features with distinct names.
        target: The target.
        missing_values: Texts, and numbers as texts, that are read as missing. An artifact has them
            in its recipe, and its schema does not repeat them.
        decimal: The decimal mark of numbers in text, also from the recipe; None if it does not
            state one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...] = Field(min_length=1, max_length=10_000)
    target: Target
    missing_values: Annotated[tuple[Text, ...], Field(exclude=True)] = ()
    decimal: Annotated[Decimal | None, Field(exclude=True)] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = self.names
        if len(set(names)) != len(names):
            duplicate = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"feature {duplicate!r} is listed twice")
        taken = set(names)
        for feature in self.features:
            if feature.source != feature.name:
                if feature.source in taken:
                    raise ValueError(
                        f"feature {feature.name!r}: column {feature.source!r} is that of another"
                    )
                taken.add(feature.source)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the features' columns in a table, in order."""
        return tuple(feature.source for feature in self.features)
