"""What can be explained: a served model, or any function of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.arrays import Array


class Explained(Protocol):
    """A function of inputs, several of which may belong to one feature. `Predictor` is one.

    Attributes:
        feature_of_input: The number of the feature of each input, ascending from 0, `(I,)`.
        outputs: Number of predictions of a row.
        parameters: Number of multiplications of one prediction, more or less.
        has_probabilities: Whether predictions are probabilities.
        unit: What counts as 1 in the standard error of a sampled value.
    """

    @property
    def feature_of_input(self) -> Array: ...
    @property
    def outputs(self) -> int: ...
    @property
    def parameters(self) -> int: ...
    @property
    def has_probabilities(self) -> bool: ...
    @property
    def unit(self) -> float: ...

    def predict_inputs(self, inputs: Array) -> Array:
        """Return predictions `(B, outputs)` of inputs `(B, I)`.

        Args:
            inputs: The inputs.
        """


@dataclass(frozen=True)
class ExplainedFunction:
    """Any function of rows, each of whose columns is a feature.

    Attributes:
        predict: Returns predictions `(B, outputs)` of rows `(B, F)`.
        features: F.
        outputs: Number of predictions of a row.
        has_probabilities: Whether predictions are probabilities.
        unit: As in `Explained`.
        parameters: As in `Explained`.
    """

    predict: Callable[[Array], Array]
    features: int
    outputs: int
    has_probabilities: bool
    unit: float = 1.0
    parameters: int = 2**15

    @property
    def feature_of_input(self) -> Array:
        """The number of each column."""
        return np.arange(self.features)

    def predict_inputs(self, inputs: Array) -> Array:
        """Return predictions `(B, outputs)` of rows `(B, F)`."""
        return self.predict(inputs)
