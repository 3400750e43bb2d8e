"""Early stopping: end a training whose validation loss no longer falls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from model.network.description import Described, require_count, require_number


@dataclass(frozen=True)
class EarlyStopping(Described):
    """Stop when over `patience` records in a row bring no validation loss below the best so far.

    min_delta: by how much a loss must be lower to count. The weights of the best record are
    restored, whether it stopped early or not (Prechelt 1998; Keras: restore_best_weights).
    """

    name = "early_stopping"
    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        require_count("early_stopping: patience", self.patience)
        require_number("early_stopping: min_delta", self.min_delta, 0, 1e9)

    def is_over(self, losses: Sequence[float]) -> bool:
        """Whether the losses recorded so far end the training."""
        best, waited = math.inf, 0
        for loss in losses:
            if loss < best - self.min_delta:
                best, waited = loss, 0
            else:
                waited += 1
        return waited > self.patience
