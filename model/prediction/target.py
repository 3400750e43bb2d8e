"""Kinds of targets, and how their predictions become answers.

Shapes: B rows; predictions `(B, outputs)` are probabilities, or the values of a regression; targets
`(B, columns)` are the true values of the same rows.
"""

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    model_validator,
)

from model.arrays import Array
from model.prediction.names import Name

Label = Name
Threshold = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Labels = Annotated[tuple[Label, ...], Field(max_length=1000), Strict(False)]

REFER = "refer"


class BaseTarget(BaseModel):
    """Base class of all kinds of targets.

    Attributes:
        link: The link function between logits and predictions.
        dtype: The dtype of targets.
        has_threshold: Whether a threshold turns probabilities into labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    link: ClassVar[str]
    dtype: ClassVar[str]
    has_threshold: ClassVar[bool] = False

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The name of each output."""

    @property
    def columns_of_targets(self) -> int:
        """The number of target columns."""
        return len(self.names)

    @abstractmethod
    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:
        """Return one answer a row, as in a response.

        Args:
            predictions: `(B, outputs)`.
            threshold: Decision threshold, ignored where `has_threshold` is false.

        Returns:
            B dicts of JSON values.
        """

    @abstractmethod
    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:
        """Return the answers as columns of a table.

        Args:
            predictions: `(B, outputs)`.
            threshold: Decision threshold, ignored where `has_threshold` is false.

        Returns:
            Columns `(B,)` by name.
        """

    @abstractmethod
    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:
        """Count the rows of each predicted label.

        Args:
            predictions: `(B, outputs)`.
            threshold: Decision threshold, ignored where `has_threshold` is false.

        Returns:
            Counts above 0 by label; the count of all rows under "" for a regression.
        """


class Binary(BaseTarget):
    """One of two labels: positive strictly above the threshold. Targets: `(B, 1)`, bool.

    An answer is the probability of the positive label and the label at the threshold; with a refer
    band, also the decision.

    Attributes:
        task: The discriminator of `Target`.
        negative: The negative label.
        positive: The positive label, whose probability is predicted.
        refer: Two thresholds between which the decision is "refer", independent of the label.
    """

    link, dtype, has_threshold = "sigmoid", "bool", True

    task: Literal["binary"] = "binary"
    negative: Label
    positive: Label
    refer: Annotated[tuple[Threshold, Threshold], Strict(False)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.negative == self.positive:
            raise ValueError("the two labels must differ")
        if self.refer is not None and not self.refer[0] < self.refer[1]:
            raise ValueError("refer must be two thresholds, the lower one first")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The positive label: the only output is its probability."""
        return (self.positive,)

    def decision(self, probability: float) -> str:
        """Return "refer" for a probability within the refer band, else the label."""
        low, high = self.refer or (0.0, 0.0)
        if low < probability <= high:
            return REFER
        return self.positive if probability > high else self.negative

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:
        negative, positive = self.negative, self.positive
        answers: list[dict[str, Any]] = [
            {"probability": each, "label": positive if each > threshold else negative}
            for each in predictions[:, 0].tolist()
        ]
        if self.refer is not None:
            for answer in answers:
                answer["decision"] = self.decision(answer["probability"])
        return answers

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:
        probabilities = predictions[:, 0]
        labels = _spelled((self.negative, self.positive), probabilities > threshold)
        columns = {"probability": probabilities, "label": labels}
        if self.refer is not None:
            band = np.searchsorted(self.refer, probabilities, side="left")
            columns["decision"] = _spelled((self.negative, REFER, self.positive), band)
        return columns

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:
        rows = len(predictions)
        if rows == 1:  # most requests have one row
            return {self.positive if predictions.item() > threshold else self.negative: 1}
        positive = int(np.count_nonzero(predictions > threshold))
        counts = {self.negative: rows - positive, self.positive: positive}
        return {label: count for label, count in counts.items() if count}


class MultiClass(BaseTarget):
    """One of several classes: the likeliest, the first in case of ties.

    Targets: `(B, 1)`, int64 class indices. An answer is the likeliest class and the probability of
    each class; a table has one column of probabilities for each class.

    Attributes:
        task: The discriminator of `Target`.
        classes: Names of 2 to 1000 classes.
    """

    link, dtype = "softmax", "int64"

    task: Literal["multi_class"] = "multi_class"
    classes: Annotated[Labels, Field(min_length=2)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_distinct("class", self.classes)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the outputs."""
        return self.classes

    @property
    def columns_of_targets(self) -> int:
        """One column, the class index."""
        return 1

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:  # noqa: ARG002
        likeliest = predictions.argmax(axis=1).tolist()
        return [
            {
                "label": self.classes[number],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }
            for number, row in zip(likeliest, predictions.tolist(), strict=True)
        ]

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:  # noqa: ARG002
        labels = _spelled(self.classes, predictions.argmax(axis=1))
        return {"label": labels, **_named("probability", self.classes, predictions)}

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:  # noqa: ARG002
        likeliest = predictions.argmax(axis=1)
        if len(likeliest) == 1:
            return {self.classes[likeliest.item()]: 1}
        return _counted(self.classes, np.bincount(likeliest))


class MultiLabel(BaseTarget):
    """Any number of labels, each with a probability strictly above the threshold.

    Targets: `(B, labels)`, bool. An answer is the list of predicted labels and the probability of
    each label; a table has two columns for each label. A row counts once for each predicted label.

    Attributes:
        task: The discriminator of `Target`.
        labels: Names of 1 to 1000 labels.
    """

    link, dtype, has_threshold = "sigmoid", "bool", True

    task: Literal["multi_label"] = "multi_label"
    labels: Annotated[Labels, Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_distinct("label", self.labels)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The labels, in the order of the outputs."""
        return self.labels

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:
        return [
            {
                "labels": [name for name, p in zip(self.labels, row, strict=True) if p > threshold],
                "probabilities": dict(zip(self.labels, row, strict=True)),
            }
            for row in predictions.tolist()
        ]

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:
        applies = predictions > threshold
        return {
            **_named("probability", self.labels, predictions),
            **_named("predicted", self.labels, applies),
        }

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:
        return _counted(self.labels, np.count_nonzero(predictions > threshold, axis=0))


class Regression(BaseTarget):
    """One or more numbers. Targets: `(B, outputs)`, float64.

    An answer is the value of the only output, or the values of several outputs by name.

    Attributes:
        task: The discriminator of `Target`; "non_negative" for numbers that are never below 0.
        outputs: Names of 1 to 1000 outputs.
        unit: Unit of the outputs, for display.
    """

    link, dtype = "linear", "float64"

    task: Literal["regression", "non_negative"] = "regression"
    outputs: Annotated[Labels, Field(min_length=1)]
    unit: Annotated[str, StringConstraints(max_length=100)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_distinct("output", self.outputs)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self.outputs

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:  # noqa: ARG002
        if len(self.outputs) == 1:
            return [{"value": value} for value in predictions[:, 0].tolist()]
        return [
            {"values": dict(zip(self.outputs, row, strict=True))} for row in predictions.tolist()
        ]

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:  # noqa: ARG002
        return _named("predicted", self.outputs, predictions)

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:  # noqa: ARG002
        return {"": len(predictions)}


Target = Annotated[Binary | MultiClass | MultiLabel | Regression, Field(discriminator="task")]


def _spelled(names: tuple[str, ...], indices: Array) -> Array:
    """Return the names (B,) of indices (B,)."""
    return np.array(names, dtype=object)[indices.astype(np.intp)]


def _counted(names: tuple[str, ...], counts: Array) -> dict[str, int]:
    """Return the counts above 0 by name."""
    return {names[number]: int(counts[number]) for number in np.flatnonzero(counts)}


def _named(prefix: str, names: tuple[str, ...], values: Array) -> dict[str, Array]:
    return {f"{prefix}_{name}": column for name, column in zip(names, values.T, strict=True)}


def _require_distinct(kind: str, names: tuple[str, ...]) -> None:
    if len(set(names)) != len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{kind} {duplicate!r} is listed twice")
