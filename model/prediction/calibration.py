"""Calibrations of predicted probabilities, fitted on rows that the model was not trained on."""

from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from model.arrays import Array

CLIP = 1e-12  # distance of a clipped probability from 0 and 1, where the logit is infinite
MAX_SLOPE: Final = 1000.0
MAX_INTERCEPT: Final = 700.0  # e^700 is still a float64
Probability = Annotated[float, Field(ge=0, le=1)]
Knots = Annotated[tuple[Probability, ...], Field(min_length=1, max_length=100_000), Strict(False)]


def _odds_against(probabilities: Array) -> Array:
    p = np.clip(probabilities, CLIP, 1 - CLIP, dtype=float)
    return np.asarray((1 - p) / p)


class Temperature(BaseModel):
    """Temperature scaling σ(logit(p) / T) of labels: T above 1 moves probabilities towards 0.5.

    Attributes:
        link: The link of the targets that it fits.
        method: The discriminator of `Calibration`.
        temperature: T, above 0 and at most 1000.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, §4.2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    link: ClassVar[str] = "sigmoid"
    method: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, le=1000)

    def apply(self, probabilities: Array) -> Array:
        """Return calibrated probabilities of the same shape."""
        with np.errstate(over="ignore"):  # odds that overflow are a probability of 0
            return np.asarray(1 / (1 + _odds_against(probabilities) ** (1 / self.temperature)))


class SoftmaxTemperature(BaseModel):
    """Temperature scaling softmax(log p / T) of classes: T above 1 makes them more alike.

    Attributes:
        link: The link of the targets that it fits.
        method: The discriminator of `Calibration`.
        temperature: T, above 0 and at most 1000.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, §4.2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    link: ClassVar[str] = "softmax"
    method: Literal["softmax_temperature"] = "softmax_temperature"
    temperature: float = Field(gt=0, le=1000)

    def apply(self, probabilities: Array) -> Array:
        """Return calibrated probabilities of the same shape, `(B, classes)`."""
        # In rows of contiguous classes, whose sum does not depend on the number of rows.
        p = np.array(probabilities, float, order="C")
        logits = np.log(np.maximum(p, CLIP, out=p), out=p) / self.temperature
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits, out=logits)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


class Logistic(BaseModel):
    """Logistic calibration σ(slope · logit(p) + intercept) of a binary target.

    Attributes:
        link: The link of the targets that it fits.
        method: The discriminator of `Calibration`.
        slope: Below 1 it moves probabilities towards each other, from 0 to 1000.
        intercept: Above 0 it raises all probabilities, from −700 to 700.

    Source: Platt 1999, Probabilistic Outputs for Support Vector Machines.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    link: ClassVar[str] = "sigmoid"
    method: Literal["logistic"] = "logistic"
    slope: float = Field(ge=0, le=MAX_SLOPE)
    intercept: float = Field(default=0.0, ge=-MAX_INTERCEPT, le=MAX_INTERCEPT)

    def apply(self, probabilities: Array) -> Array:
        """Return calibrated probabilities of the same shape."""
        with np.errstate(over="ignore"):  # odds that overflow are a probability of 0
            odds = _odds_against(probabilities) ** self.slope * np.exp(-self.intercept)
            return np.asarray(1 / (1 + odds))


class Isotonic(BaseModel):
    """Isotonic calibration: a non-decreasing piecewise linear curve, constant beyond its knots.

    Attributes:
        link: The link of the targets that it fits.
        method: The discriminator of `Calibration`.
        scores: Increasing uncalibrated probabilities, one for each knot.
        probabilities: Non-decreasing calibrated probabilities of the knots.

    Source: Zadrozny and Elkan 2002.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    link: ClassVar[str] = "sigmoid"
    method: Literal["isotonic"] = "isotonic"
    scores: Knots
    probabilities: Knots

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.scores) != len(self.probabilities):
            raise ValueError("scores and probabilities must have the same length")
        if (np.diff(self.scores) <= 0).any() or (np.diff(self.probabilities) < 0).any():
            raise ValueError("scores must increase, and probabilities must not decrease")
        return self

    def apply(self, probabilities: Array) -> Array:
        """Return calibrated probabilities of the same shape."""
        return np.asarray(np.interp(probabilities, self.scores, self.probabilities))


Calibration = Annotated[
    Temperature | SoftmaxTemperature | Logistic | Isotonic, Field(discriminator="method")
]
