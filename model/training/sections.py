"""The tables of a recipe: the data, their split, their scaling, and the network."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator

from model.schema import Label

# TOML has types of its own, so a section takes them as they are ("5" and true are no numbers); but
# it has neither paths nor tuples.
RowRange = Annotated[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]], Strict(False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Section(BaseModel):
    """A table of a recipe: what it may hold, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Data(Section):
    """The table: a CSV with a header row, its path relative to the recipe.

    labels: which class a cell of the target means where it says something else; "" leaves the row
    out. missing: rows with a missing value are left out, or get its feature's median or mode of the
    training rows; categories get the mode. missing_values: cells that stand for nothing, as the
    empty one does. group: the column that says which rows belong together, as those of a patient.
    weight: the column of the rows' weights. class_weight: "balanced", or of the negative and the
    positive class.
    """

    file: Annotated[Path, Strict(False)]
    target: str
    negative: Label
    positive: Label
    labels: dict[str, str] = Field(default={})
    missing: Literal["drop", "median", "mode"] = "drop"
    missing_values: list[str] = []
    group: str | None = None
    weight: str | None = None
    class_weight: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.class_weight, list) and len(self.class_weight) != 2:
            raise ValueError("class_weight must be balanced, or two numbers: negative, positive")
        for cell, label in self.labels.items():
            if label not in (self.negative, self.positive, ""):
                known = f"{self.negative!r}, {self.positive!r} or '' (leave the row out)"
                raise ValueError(f"labels: {cell!r:.80} must mean {known}")
        return self


class Split(Section):
    """Which rows validate; the others train.

    validation: [first, end) of the rows that are left when incomplete ones are dropped, and train
    likewise; or a fraction, drawn by `seed`, of each class alike unless stratify is false, and
    whole groups where data.group is given; or, with `column`, the value there that means it.
    """

    validation: Any
    train: RowRange | None = None
    column: str | None = None
    stratify: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @field_validator("validation", mode="plain")
    @classmethod
    def _check_validation(cls, given: object) -> object:
        """By hand: a union's errors would be of all that it is not."""
        if isinstance(given, list | tuple) and len(given) == 2:
            if all(type(each) is int and each >= 0 for each in given):
                return tuple(given)
        elif isinstance(given, str) or (isinstance(given, float) and 0 < given < 1):
            return given
        raise ValueError("must be [first, end], a fraction between 0 and 1, or a column's value")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.column is not None) != isinstance(self.validation, str):
            raise ValueError("validation must be a value where there is a column, and only there")
        if (self.train is not None) != isinstance(self.validation, tuple):
            raise ValueError("train goes with a validation that is [first, end], and only with it")
        if self.train is None or not isinstance(self.validation, tuple):
            return self
        for name, (first, end) in (("train", self.train), ("validation", self.validation)):
            if first >= end:
                raise ValueError(f"{name} must be [first, end] with first below end")
        if self.train[0] < self.validation[1] and self.validation[0] < self.train[1]:
            raise ValueError("train and validation must not share rows")
        return self


class Scaling(Section):
    """How inputs are scaled, and on which rows that is fitted.

    transform: of numbers, before; one for all of them, or a table by feature.
    """

    method: Literal["min-max", "range", "standard", "robust", "none"] = "min-max"
    fit_on: Literal["train", "all"] = "train"
    transform: str | dict[str, str] = ""


class Network(Section):
    """All layers in order, or only the hidden ones: the task's recommended output then follows.

    loss: instead of the task's own, for its label_smoothing.
    """

    layers: list[Any] | None = Field(default=None, min_length=1)
    hidden: list[Any] | None = None
    task: Literal["binary"] = "binary"
    loss: Any = None
    dtype: Literal["float64", "float32"] = "float64"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.layers is None) == (self.hidden is None):
            raise ValueError("needs either layers (all of them) or hidden (all but the output)")
        return self
