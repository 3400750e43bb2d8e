"""From a model's probabilities to ones that come true as often as they say, learned on rows that
the model has not learned from.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from model.arrays import Array

CLIP = 1e-12  # how near 0 and 1 a probability still has a logit
Probability = Annotated[float, Field(ge=0, le=1)]
Knots = Annotated[tuple[Probability, ...], Field(min_length=1, max_length=100_000), Strict(False)]


class Temperature(BaseModel):
    """σ(logit(p) / T): above 1 it draws towards ½ (Guo et al. 2017, On calibration, §4.2)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, le=1000)

    def apply(self, probabilities: Array) -> Array:
        """Calibrated probabilities, of the same shape."""
        p = np.clip(probabilities, CLIP, 1 - CLIP, dtype=float)
        with np.errstate(over="ignore"):  # odds beyond all numbers are a probability of 0
            return np.asarray(1 / (1 + ((1 - p) / p) ** (1 / self.temperature)))


class Isotonic(BaseModel):
    """A non-decreasing line through knots, level outside of them (Zadrozny and Elkan 2002)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Literal["isotonic"] = "isotonic"
    scores: Knots
    probabilities: Knots

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.scores) != len(self.probabilities):
            raise ValueError("scores and probabilities must be as many")
        if (np.diff(self.scores) <= 0).any() or (np.diff(self.probabilities) < 0).any():
            raise ValueError("scores must increase, and probabilities must not decrease")
        return self

    def apply(self, probabilities: Array) -> Array:
        """Calibrated probabilities, of the same shape."""
        return np.asarray(np.interp(probabilities, self.scores, self.probabilities))


Calibration = Annotated[Temperature | Isotonic, Field(discriminator="method")]
