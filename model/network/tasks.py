"""Tasks: which output layer and which loss fit which kind of target."""

from dataclasses import dataclass
from typing import Final

from model.network.layers import Dense


@dataclass(frozen=True)
class Task:
    """The recommended output layer and loss for a kind of target.

    Attributes:
        loss: The name of the loss.
        activation: The activation of the last layer; None where the loss takes logits and applies
            its own.
    """

    loss: str
    activation: str | None = None

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of the losses that this task accepts."""
        return NUMBERS if self.loss in NUMBERS else (self.loss,)

    def output_layer(self, outputs: int) -> Dense:
        """Return a last layer with `outputs` units."""
        return Dense(outputs, self.activation)


NUMBERS: Final = ("mean_squared_error", "mean_absolute_error", "huber")
TASKS: Final = {
    "regression": Task("mean_squared_error"),  # any number
    "non_negative": Task("mean_squared_error", "softplus"),  # counts, times, prices
    "binary": Task("binary_cross_entropy"),  # 0 or 1
    "multi_label": Task("binary_cross_entropy"),  # several times 0 or 1
    "multi_class": Task("sparse_categorical_cross_entropy"),  # one of n
}
