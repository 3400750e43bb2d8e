"""The keys of a recipe file: its tables, and the file as a whole."""

import itertools
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from model.errors import RecipeError
from model.prediction.facts import DEFAULT_LEVEL, CardLimits, CardText
from model.prediction.names import Text, all_nfc, nfc
from model.prediction.numerals import Decimal
from model.prediction.schema import Feature
from model.prediction.target import (
    Binary,
    Label,
    Labels,
    MultiClass,
    MultiLabel,
    Regression,
    Target,
)

# TOML values are typed, so validation is strict: neither "5" nor true is a number. TOML has no
# paths and no tuples, so these are converted (Strict(False)).
RowRange = Annotated[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]], Strict(False)]


def _check_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", text):
        raise ValueError(
            "must be 1 to 64 lower-case letters a to z, digits, dots, underscores and hyphens, and "
            "begin with a letter or digit"
        )
    return text


Name = Annotated[str, AfterValidator(_check_name)]

# Names of the thresholds that are chosen on out-of-bag predictions.
OUT_OF_BAG = "out-of-bag"
OPERATING_POINTS = ("balanced", "sensitivity-99", "specificity-99", "cost")


class Section(BaseModel):
    """A table of a recipe. Unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Data(Section):
    """The table `[data]`: where the rows are, and which columns are not features.

    Attributes:
        file: Text with a header row, Parquet, Arrow or Excel; the path is relative to the recipe.
        delimiter: Character between the cells of text; found if it is not given.
        encoding: Encoding of text; found if it is not given.
        decimal: The decimal mark of numbers, in the table and in the tables to predict. If it is
            not given, it is a point, and "1,500" is rejected, as it may be 1.5 or 1500.
        target: The target column, or a list of columns if the task has several outputs.
        negative: Negative label of a binary task.
        positive: Positive label of a binary task.
        classes: Labels of a multi_class task.
        unit: Unit of a regression's target.
        labels: Class that another cell of the target stands for; "" leaves the row out, which is
            all that a regression can say.
        missing: "drop" leaves out rows with a missing value. "median" and "mode" fill in that of
            the training rows; categories always get the mode.
        missing_values: Cells that are read as missing, beside the empty one.
        unseen: "other" accepts texts that are no category of their feature (see `Feature`).
        out_of_range: "clip" accepts numbers beyond the range of their feature.
        group: Column that identifies rows which belong together, such as those of one patient. A
            row with a missing value there is a separate group.
        weight: Column of the row weights.
        class_weight: "balanced", or one number per class in order; the negative class is first.
        subgroups: Columns that are no features, by whose values the report shows figures too.
    """

    file: Annotated[Path, Strict(False)]
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: str | None = None
    decimal: Decimal | None = None
    target: str | list[str]
    negative: Label | None = None
    positive: Label | None = None
    classes: Labels = ()
    unit: str | None = None
    labels: dict[Text, Text] = Field(default={})
    missing: Literal["drop", "median", "mode"] = "drop"
    missing_values: list[Text] = []
    unseen: Literal["refuse", "other"] = "refuse"
    out_of_range: Literal["refuse", "clip"] = "refuse"
    group: Text | None = None
    weight: Text | None = None
    class_weight: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None
    subgroups: list[Text] = []

    @field_validator("target", mode="plain")
    @classmethod
    def _check_target(cls, given: object) -> object:
        """Check the type without pydantic's union, whose error would list every alternative."""
        names = given if isinstance(given, list) else [given]
        if not all(isinstance(name, str) for name in names):
            raise ValueError("must be a column, or a list of columns")
        columns = all_nfc(map(str, names))
        return columns if isinstance(given, list) else columns[0]

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, given: str | None) -> str | None:
        if given is not None:
            try:
                " ".encode(given)
            except (LookupError, ValueError):
                raise ValueError("must be the name of a text encoding, such as utf-8") from None
        return given

    @property
    def targets(self) -> list[str]:
        """The target columns."""
        return [self.target] if isinstance(self.target, str) else self.target

    def with_defaults(self, feature: Feature) -> Feature:
        """Return a feature that accepts what `unseen` and `out_of_range` accept.

        Args:
            feature: The feature; its own keys come first.
        """
        update: dict[str, str] = {}
        has_range = (feature.minimum, feature.maximum) != (None, None)
        if feature.type == "category" and feature.unseen is None and self.unseen == "other":
            update["unseen"] = self.unseen
        if has_range and feature.out_of_range is None and self.out_of_range == "clip":
            update["out_of_range"] = self.out_of_range
        return feature.model_copy(update=update)

    def build_target(self, task: str) -> Target:
        """Return the target of a model of this task.

        Raises:
            RecipeError: If a key is missing or does not fit the task; the text names the key.
        """
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
        """Raise RecipeError unless the task's required keys are given, and no other task's keys."""
        for key, tasks in TASKS_OF_KEYS.items():
            if task in tasks and key in REQUIRED_KEYS and not getattr(self, key):
                raise RecipeError(f"data.{key}: is required for task {task}")
            if task not in tasks and getattr(self, key):
                raise RecipeError(f"data.{key}: is for task {' or '.join(tasks)}, not for {task}")
        if task in ("binary", "multi_class") and not isinstance(self.target, str):
            raise RecipeError(f"data.target: must be one column for task {task}")
        classes = self.classes or tuple(filter(None, (self.negative, self.positive)))
        if isinstance(self.class_weight, list) and len(self.class_weight) != len(classes):
            raise RecipeError(
                f'data.class_weight: must be "balanced", or {len(classes)} numbers, one per class'
            )
        for cell, label in self.labels.items():
            if label not in (*classes, ""):
                known = " or ".join([", ".join(map(repr, classes))] * bool(classes) + ["''"])
                raise RecipeError(
                    f"data.labels: {cell!r:.80} must mean {known} (leave the row out)"
                )


_CLASSIFICATION = ("binary", "multi_class")
TASKS_OF_KEYS = {
    "negative": ("binary",),
    "positive": ("binary",),
    "classes": ("multi_class",),
    "unit": ("regression", "non_negative"),
    "labels": (*_CLASSIFICATION, "regression", "non_negative"),
    "class_weight": _CLASSIFICATION,
}
REQUIRED_KEYS = ("negative", "positive", "classes")


class Split(Section):
    """The table `[split]`: the rows that validate, those that test and those that train.

    Attributes:
        validation: The rows that validate; the others train. One of: a range [first, end), counted
            after rows with missing values are dropped; a fraction between 0 and 1, drawn by `seed`;
            a value of `column`; or "out-of-bag": no row is held back, and the validation figures
            are those of the bagged ensemble's out-of-bag predictions of the training rows. A
            fraction keeps groups together if data.group is given.
        test: The rows that only the final figures see, given like validation; none by default.
        train: The range [first, end) that trains, if validation is a range.
        column: The column whose value says where a row belongs.
        stratify: Draw the same fraction of each class.
        seed: Seed of the draw, from 0 to 2³² − 1.
    """

    validation: Any
    test: Any = None
    train: RowRange | None = None
    column: Text | None = None
    stratify: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @field_validator("validation", "test", mode="plain")
    @classmethod
    def _check_part(cls, given: object, info: ValidationInfo) -> object:
        """Check the type without pydantic's union, whose error would list every alternative."""
        if given is None and info.field_name == "test":
            return None
        if isinstance(given, list | tuple) and len(given) == 2:
            if all(type(each) is int and each >= 0 for each in given):
                return tuple(given)
        elif isinstance(given, str) or (isinstance(given, float) and 0 < given < 1):
            return nfc(given) if isinstance(given, str) else given
        raise ValueError(
            "must be [first, end], a fraction between 0 and 1, a column's value"
            + (', or "out-of-bag"' if info.field_name == "validation" else "")
        )

    @property
    def is_out_of_bag(self) -> bool:
        """Whether the out-of-bag predictions of the training rows validate the model."""
        return self.column is None and self.validation == OUT_OF_BAG

    @model_validator(mode="after")
    def _check(self) -> Self:
        is_value = isinstance(self.validation, str) and not self.is_out_of_bag
        if (self.column is not None) != is_value:
            raise ValueError(
                "validation must be a value of column if column is given, and only then"
            )
        if (self.train is not None) != isinstance(self.validation, tuple):
            raise ValueError(
                "train is required if validation is [first, end], and only allowed then"
            )
        kind = float if self.is_out_of_bag else type(self.validation)
        if self.test is not None and type(self.test) is not kind:
            raise ValueError("test must be given like validation: a range, a fraction or a value")
        if isinstance(self.test, str) and self.test == self.validation:
            raise ValueError("test and validation must be different values of column")
        fraction = self.validation if isinstance(self.validation, float) else 0
        if isinstance(self.test, float) and self.test + fraction >= 1:
            raise ValueError("test and validation must leave rows to train: their sum is below 1")
        for name, (first, end) in self.ranges.items():
            if first >= end:
                raise ValueError(f"{name} must be [first, end] with first below end")
        for (name, one), (other, another) in itertools.combinations(self.ranges.items(), 2):
            if one[0] < another[1] and another[0] < one[1]:
                raise ValueError(f"{name} and {other} must not share rows")
        return self

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """The range of each part, by name; empty if the parts are not ranges."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in given.items() if isinstance(part, tuple)}


class Scaling(Section):
    """The table `[scaling]`: transformation and scaling of the inputs.

    Attributes:
        method: "min-max" scales the observed range to 0 … 1, "range" that of the schema; "standard"
            to mean 0 and standard deviation 1; "robust" by median and quartiles.
        fit_on: The rows that the scaling is fitted on. "all" leaks the validation rows.
        transform: Transform of numbers before scaling: one for all of them, or a table by feature.
        smooth_clip: Limit of scaled numbers, which approach it smoothly: z / √(1 + (z / limit)²).
        intervals: Number of intervals between quantiles of each number. Its position in each of
            them becomes an input beside the scaled number (piecewise-linear encoding).
        targets: Scaling of a regression's targets during training. Losses are those of scaled
            targets; predictions are scaled back.
    """

    method: Literal["min-max", "range", "standard", "robust", "none"] = "min-max"
    fit_on: Literal["train", "all"] = "train"
    transform: str | dict[Text, str] = ""
    smooth_clip: Annotated[float, Field(ge=0.1, le=1e6)] | None = None
    intervals: Annotated[int, Field(ge=0, le=100)] = 0
    targets: Literal["standard", "none"] = "standard"


class Network(Section):
    """The table `[network]`: all layers, or the hidden layers only.

    Attributes:
        layers: All layers in order, the output layer included.
        hidden: The layers before the output; the output layer follows from the task.
        loss: Replaces the task's own loss, for example to set label_smoothing.
        channels: Numbers at each position of a signal, in the order of the features.
        dtype: Type of weights and activations.
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
    """The table `[ensemble]`: several networks trained at once, whose predictions are averaged.

    Attributes:
        members: Number of networks, from 2 to 1000; each has its own initial weights.
        bagged: Train each member on its own bag of rows, with whole groups if data.group is given.
            Thresholds and calibration are then chosen on out-of-bag predictions.
        folds: Each bag leaves out one of so many folds of the rows, which are drawn again after
            each fold was left out. By default a bag is a bootstrap sample.
    """

    members: Annotated[int, Field(ge=2, le=1000)]
    bagged: bool = True
    folds: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.folds is not None and not self.bagged:
            raise ValueError("folds needs bagged = true")
        if self.folds is not None and self.folds > self.members:
            raise ValueError("folds must be at most the number of members")
        return self


class Costs(Section):
    """The costs of the two kinds of errors, in any common unit.

    Attributes:
        miss: Cost of a missed positive row (false negative), above 0.
        false_alarm: Cost of a false alarm (false positive), above 0.
    """

    miss: Annotated[float, Field(gt=0)] = 1.0
    false_alarm: Annotated[float, Field(gt=0)] = 1.0


class Decision(Section):
    """The table `[decision]`: use of a bagged ensemble's probabilities.

    Calibration and thresholds are chosen on out-of-bag predictions.

    Attributes:
        calibration: "choose" takes the simplest method, or none, that no other beats in
            cross-validated log-loss by more than its noise.
        costs: Costs that the operating point "cost" minimizes.
        refer: Two thresholds, as numbers or operating points. The decision for a probability
            between them is to refer.
    """

    calibration: Literal["none", "temperature", "logistic", "isotonic", "choose"] = "none"
    costs: Costs = Costs()
    refer: list[Any] = []

    @field_validator("refer")
    @classmethod
    def _check_refer(cls, given: list[Any]) -> list[Any]:
        if len(given) not in (0, 2):
            raise ValueError("must be two thresholds")
        return [_parse_threshold(each) for each in given]


class Explanation(Section):
    """The table `[explanation]`: what the model keeps to explain its predictions.

    Attributes:
        rows: Largest number of training rows, at most one of each group, that the artifact keeps.
            Explanations compare with them; no answer shows one. 0 keeps none, and the model
            explains less.
        level: Share of rows whose prediction set, or interval, includes the truth.
    """

    rows: Annotated[int, Field(ge=0, le=10_000)] = 1000
    level: Annotated[float, Field(gt=0, lt=1)] = DEFAULT_LEVEL


class RecipeFile(Section):
    """A whole recipe file, merged with those that it extends.

    Attributes:
        name: Name of the model and of its artifact file.
        task: What the model predicts.
        description: Text of the model card.
        intended_use: Text of the model card.
        limits: Texts of the model card.
        data: The table and its columns.
        features: The inputs, in the network's order.
        split: The rows that train and validate.
        scaling: Scaling of the inputs.
        network: The layers.
        training: Fields of `model.training.config.Training`.
        ensemble: None for a single network.
        threshold: Probability above which a row is positive; a number or an operating point.
        decision: Calibration, costs and refer band.
        explanation: What the model keeps for explanations.
    """

    name: Name
    task: Literal["binary", "multi_class", "multi_label", "regression", "non_negative"] = "binary"
    description: CardText = ""
    intended_use: CardText = ""
    limits: CardLimits = Field(default=[])
    data: Data
    features: Annotated[tuple[Feature, ...], Strict(False)]
    split: Split
    scaling: Scaling = Scaling()
    network: Network
    training: dict[str, Any]
    ensemble: Ensemble | None = None
    threshold: Any = None
    decision: Decision = Decision()
    explanation: Explanation = Explanation()

    @field_validator("threshold")
    @classmethod
    def _check_threshold(cls, given: object) -> object:
        return None if given is None else _parse_threshold(given)


def _parse_threshold(given: object) -> float | str:
    """Return a threshold as a float, or the name of an operating point as it is.

    Raises:
        ValueError: If the value is neither.
    """
    if isinstance(given, str) and given in OPERATING_POINTS:
        return given
    if isinstance(given, float | int) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    raise ValueError(f"must be a number from 0 to 1, or one of {', '.join(OPERATING_POINTS)}")
