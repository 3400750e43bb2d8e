"""What a model answers: the kind of its target, and how its predictions are told.

B rows; predictions (B, outputs) are probabilities, or numbers of a regression. Targets (B, columns)
are the truth of the same rows.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator

from model.arrays import Array

Label = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", min_length=1, max_length=100)]
Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Labels = Annotated[tuple[Label, ...], Field(max_length=1000), Strict(False)]

REFER = "refer"


class Kind(BaseModel):
    """What every kind of target tells.

    link: what makes predictions of the network's last numbers. dtype: of targets. outputs: of the
    network. has_threshold: whether a threshold makes labels of its probabilities.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    link: ClassVar[str]
    dtype: ClassVar[str]
    has_threshold: ClassVar[bool] = False

    @property
    def names(self) -> tuple[str, ...]:
        """What each output is of."""
        raise NotImplementedError

    @property
    def columns_of_targets(self) -> int:
        """How many numbers are the truth of a row."""
        return len(self.names)

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:
        """An answer a row, as a client gets it. threshold: of no meaning where there is none."""
        raise NotImplementedError

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:
        """The same as columns of a table."""
        raise NotImplementedError

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:
        """How many rows are told each label, of those told at all; of numbers, all under ""."""
        raise NotImplementedError


class Binary(Kind):
    """One of two labels: positive strictly above the threshold. Targets: (B, 1) bool.

    refer: two thresholds between which the decision is to refer, whatever the label.
    """

    link, dtype, has_threshold = "sigmoid", "bool", True

    task: Literal["binary"] = "binary"
    negative: Label
    positive: Label
    refer: Annotated[tuple[Chance, Chance], Strict(False)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.negative == self.positive:
            raise ValueError("the two labels must differ")
        if self.refer is not None and not self.refer[0] < self.refer[1]:
            raise ValueError("refer must be two thresholds, the lower one first")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The one output is the probability of the positive label."""
        return (self.positive,)

    def label(self, probability: float, threshold: float) -> str:
        """The label of a probability."""
        return self.positive if probability > threshold else self.negative

    def decision(self, probability: float) -> str:
        """The label where a probability is outside of the refer band, else "refer"."""
        low, high = self.refer or (0.0, 0.0)
        if low < probability <= high:
            return REFER
        return self.positive if probability > high else self.negative

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:
        """Probability and label; and a decision where some are to be referred."""
        answers: list[dict[str, Any]] = [
            {"probability": probability, "label": self.label(probability, threshold)}
            for probability in predictions[:, 0].tolist()
        ]
        if self.refer is not None:
            for answer in answers:
                answer["decision"] = self.decision(answer["probability"])
        return answers

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:
        """The same."""
        probabilities = predictions[:, 0]
        labels = _spelled((self.negative, self.positive), probabilities > threshold)
        told = {"probability": probabilities, "label": labels}
        if self.refer is not None:
            band = np.searchsorted(self.refer, probabilities, side="left")
            told["decision"] = _spelled((self.negative, REFER, self.positive), band)
        return told

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:
        """The label's, whatever the decision."""
        rows = len(predictions)
        if rows == 1:  # as most requests have it
            return {self.label(predictions.item(), threshold): 1}
        positive = int(np.count_nonzero(predictions > threshold))
        counts = {self.negative: rows - positive, self.positive: positive}
        return {label: count for label, count in counts.items() if count}


class MultiClass(Kind):
    """One of several classes: the likeliest, the first of equals. Targets: (B, 1) class numbers."""

    link, dtype = "softmax", "int64"

    task: Literal["multi_class"] = "multi_class"
    classes: Annotated[Labels, Field(min_length=2)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_distinct("class", self.classes)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    @property
    def columns_of_targets(self) -> int:
        """The class's number."""
        return 1

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:  # noqa: ARG002
        """The likeliest class, and the probability of each."""
        likeliest = predictions.argmax(axis=1).tolist()
        return [
            {
                "label": self.classes[number],
                "probabilities": dict(zip(self.classes, row, strict=True)),
            }
            for number, row in zip(likeliest, predictions.tolist(), strict=True)
        ]

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:  # noqa: ARG002
        """The likeliest class, and a column of probabilities a class."""
        labels = _spelled(self.classes, predictions.argmax(axis=1))
        return {"label": labels, **_named("probability", self.classes, predictions)}

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:  # noqa: ARG002
        """The likeliest class's."""
        likeliest = predictions.argmax(axis=1)
        if len(likeliest) == 1:
            return {self.classes[likeliest.item()]: 1}
        return _counted(self.classes, np.bincount(likeliest))


class MultiLabel(Kind):
    """Any of several labels, each if its probability is above the threshold. Targets: bool."""

    link, dtype, has_threshold = "sigmoid", "bool", True

    task: Literal["multi_label"] = "multi_label"
    labels: Annotated[Labels, Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_distinct("label", self.labels)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The labels."""
        return self.labels

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:
        """The labels that apply, and the probability of each."""
        return [
            {
                "labels": [name for name, p in zip(self.labels, row, strict=True) if p > threshold],
                "probabilities": dict(zip(self.labels, row, strict=True)),
            }
            for row in predictions.tolist()
        ]

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:
        """A column of probabilities a label, and one that says whether it applies."""
        applies = predictions > threshold
        return {
            **_named("probability", self.labels, predictions),
            **_named("predicted", self.labels, applies),
        }

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:
        """Of every label that applies, so a row may count several times, or not at all."""
        return _counted(self.labels, np.count_nonzero(predictions > threshold, axis=0))


class Regression(Kind):
    """Numbers, of which `non_negative` ones are never below 0. Targets: (B, outputs)."""

    link, dtype = "linear", "float64"

    task: Literal["regression", "non_negative"] = "regression"
    outputs: Annotated[Labels, Field(min_length=1)]
    unit: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require_distinct("output", self.outputs)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers' names."""
        return self.outputs

    def answers(self, predictions: Array, threshold: float) -> list[dict[str, Any]]:  # noqa: ARG002
        """The value, or the values by name where there are several."""
        if len(self.outputs) == 1:
            return [{"value": value} for value in predictions[:, 0].tolist()]
        return [
            {"values": dict(zip(self.outputs, row, strict=True))} for row in predictions.tolist()
        ]

    def columns(self, predictions: Array, threshold: float) -> dict[str, Array]:  # noqa: ARG002
        """A column of values an output."""
        return _named("predicted", self.outputs, predictions)

    def tally(self, predictions: Array, threshold: float) -> dict[str, int]:  # noqa: ARG002
        """The rows."""
        return {"": len(predictions)}


Target = Annotated[Binary | MultiClass | MultiLabel | Regression, Field(discriminator="task")]


def _spelled(names: tuple[str, ...], numbers: Array) -> Array:
    """Names by their numbers (B,)."""
    return np.array(names, dtype=object)[numbers.astype(np.intp)]


def _counted(names: tuple[str, ...], counts: Array) -> dict[str, int]:
    """The counts (at most one a name) that are not zero, by name."""
    return {names[number]: int(counts[number]) for number in np.flatnonzero(counts)}


def _named(what: str, names: tuple[str, ...], values: Array) -> dict[str, Array]:
    return {f"{what}_{name}": column for name, column in zip(names, values.T, strict=True)}


def _require_distinct(what: str, names: tuple[str, ...]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{what} {twice!r} is listed twice")
