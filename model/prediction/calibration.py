"""Calibrations of predicted probabilities, fitted on rows that the model was not trained on."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from model.arrays import Array

CLIP = 1e-12  # distance of a clipped probability from 0 and 1, where the logit is infinite
Probability = Annotated[float, Field(ge=0, le=1)]
Knots = Annotated[tuple[Probability, ...], Field(min_length=1, max_length=100_000), Strict(False)]


class Temperature(BaseModel):
    """Temperature scaling σ(logit(p) / T): T above 1 moves probabilities towards 0.5.

    Attributes:
        method: The discriminator of `Calibration`.
        temperature: T, above 0 and at most 1000.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, §4.2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, le=1000)

    def apply(self, probabilities: Array) -> Array:
        """Return calibrated probabilities of the same shape."""
        p = np.clip(probabilities, CLIP, 1 - CLIP, dtype=float)
        with np.errstate(over="ignore"):  # odds that overflow are a probability of 0
            return np.asarray(1 / (1 + ((1 - p) / p) ** (1 / self.temperature)))


class Isotonic(BaseModel):
    """Isotonic calibration: a non-decreasing piecewise linear curve, constant beyond its knots.

    Attributes:
        method: The discriminator of `Calibration`.
        scores: Increasing uncalibrated probabilities, one for each knot.
        probabilities: Non-decreasing calibrated probabilities of the knots.

    Source: Zadrozny and Elkan 2002.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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


Calibration = Annotated[Temperature | Isotonic, Field(discriminator="method")]
