"""The tables of a recipe: the data, their split, their scaling, and the network."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator

from model.prediction.target import (
    Binary,
    Label,
    Labels,
    MultiClass,
    MultiLabel,
    Regression,
    Target,
)

# TOML has types of its own, so a section takes them as they are ("5" and true are no numbers); but
# it has neither paths nor tuples.
RowRange = Annotated[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]], Strict(False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Section(BaseModel):
    """A table of a recipe: what it may hold, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Data(Section):
    """The table: a CSV with a header row, its path relative to the recipe.

    target: the column of the truth, or several where the task has several outputs. negative,
    positive: the labels of a binary one. classes: of a multi_class one. unit: of a regression's.
    labels: which class a cell of the target means where it says something else; "" leaves the row
    out. missing: rows with a missing value are left out, or get its feature's median or mode of the
    training rows; categories get the mode. missing_values: cells that stand for nothing, as the
    empty one does. group: the column that says which rows belong together, as those of a patient.
    weight: the column of the rows' weights. class_weight: "balanced", or a number a class, in
    order, the negative one first.
    """

    file: Annotated[Path, Strict(False)]
    target: str | list[str]
    negative: Label | None = None
    positive: Label | None = None
    classes: Labels = ()
    unit: str | None = None
    labels: dict[str, str] = Field(default={})
    missing: Literal["drop", "median", "mode"] = "drop"
    missing_values: list[str] = []
    group: str | None = None
    weight: str | None = None
    class_weight: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None

    @field_validator("target", mode="plain")
    @classmethod
    def _check_target(cls, given: object) -> object:
        """By hand: a union's errors would be of all that it is not."""
        names = given if isinstance(given, list) else [given]
        if not all(isinstance(name, str) for name in names):
            raise ValueError("must be a column, or a list of columns")
        return given

    @property
    def targets(self) -> list[str]:
        """The columns of the truth."""
        return [self.target] if isinstance(self.target, str) else self.target

    def target_of(self, task: str) -> Target:
        """What a model of this task tells. Raises ValueError naming the key that does not fit."""
        self._check_keys(task)
        if task == "binary":
            assert self.negative is not None
            assert self.positive is not None
            target: Target = Binary(negative=self.negative, positive=self.positive)
        elif task == "multi_class":
            target = MultiClass(classes=self.classes)
        elif task == "multi_label":
            target = MultiLabel(labels=tuple(self.targets))
        else:
            target = Regression.model_validate(
                {"task": task, "outputs": self.targets, "unit": self.unit}
            )
        return target

    def _check_keys(self, task: str) -> None:
        """Raise ValueError unless the keys that this task needs are there, and no others."""
        for key, of in KEYS_OF_TASKS.items():
            if task in of and key in NEEDED and not getattr(self, key):
                raise ValueError(f"data.{key}: is required for task {task}")
            if task not in of and getattr(self, key):
                raise ValueError(f"data.{key}: is for task {' or '.join(of)}, not for {task}")
        if task in ("binary", "multi_class") and not isinstance(self.target, str):
            raise ValueError(f"data.target: must be one column for task {task}")
        classes = self.classes or (self.negative, self.positive)
        if isinstance(self.class_weight, list) and len(self.class_weight) != len(classes):
            raise ValueError(f"data.class_weight: must be balanced, or {len(classes)} numbers")
        for cell, label in self.labels.items():
            if label not in (*classes, ""):
                known = ", ".join(map(repr, classes))
                raise ValueError(
                    f"data.labels: {cell!r:.80} must mean {known} or '' (leave the row out)"
                )


_CLASSIFIES = ("binary", "multi_class")
KEYS_OF_TASKS = {
    "negative": ("binary",),
    "positive": ("binary",),
    "classes": ("multi_class",),
    "unit": ("regression", "non_negative"),
    "labels": _CLASSIFIES,
    "class_weight": _CLASSIFIES,
}
NEEDED = ("negative", "positive", "classes")


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

    transform: of numbers, before; one for all of them, or a table by feature. targets: of a
    regression, for training only; losses are then of scaled ones, predictions are not.
    """

    method: Literal["min-max", "range", "standard", "robust", "none"] = "min-max"
    fit_on: Literal["train", "all"] = "train"
    transform: str | dict[str, str] = ""
    targets: Literal["standard", "none"] = "standard"


class Network(Section):
    """All layers in order, or only the hidden ones: the task's recommended output then follows.

    loss: instead of the task's own, for its label_smoothing. channels: how many of the inputs, in
    their order, lie at one position of a signal.
    """

    layers: list[Any] | None = Field(default=None, min_length=1)
    hidden: list[Any] | None = None
    loss: Any = None
    channels: Annotated[int, Field(ge=1)] = 1
    dtype: Literal["float64", "float32"] = "float64"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.layers is None) == (self.hidden is None):
            raise ValueError("needs either layers (all of them) or hidden (all but the output)")
        return self


class Ensemble(Section):
    """Several networks trained at once, from weights of their own, whose predictions are averaged.

    bagged: each learns from a draw of its own, of whole groups where there are any. What is out of
    a member's bag then tells thresholds and calibration.
    """

    members: Annotated[int, Field(ge=2, le=1000)]
    bagged: bool = True


class Costs(Section):
    """What a positive row that is missed costs, and a false alarm."""

    miss: Annotated[float, Field(gt=0)] = 1.0
    false_alarm: Annotated[float, Field(gt=0)] = 1.0


class Decision(Section):
    """What is made of a binary ensemble's probabilities, by what is out of bag.

    calibration: "choose" takes the method that has the lowest log-loss across folds, or none.
    costs: of the operating point of this name. refer: two thresholds, as numbers or operating
    points, between which the answer is to refer.
    """

    calibration: Literal["none", "temperature", "isotonic", "choose"] = "none"
    costs: Costs = Costs()
    refer: list[Any] = []

    @field_validator("refer")
    @classmethod
    def _check_refer(cls, given: list[Any]) -> list[Any]:
        if len(given) not in (0, 2):
            raise ValueError("must be two thresholds")
        return [threshold_of(each) for each in given]


def threshold_of(given: object) -> float | str:
    """A threshold, or the name of one that is yet to be chosen. Raises ValueError."""
    if isinstance(given, str) and given in NAMES:
        return given
    if isinstance(given, float | int) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    raise ValueError(f"must be a number from 0 to 1, or one of {', '.join(NAMES)}")


NAMES = ("balanced", "sensitivity-99", "specificity-99", "cost")
