"""Early stopping: end a training whose validation loss no longer falls."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from model.network.config import Configurable
from model.network.validation import require_count, require_number


class EarlyStoppingState(NamedTuple):
    """The last loss that counted as better, and how many records since then brought none."""

    best: float = math.inf
    records: int = 0


@dataclass(frozen=True)
class EarlyStopping(Configurable):
    """Stop when over `patience` records in a row bring no validation loss below the best so far.

    min_delta: by more than how much a loss must be lower to count. The weights of the best record
    are restored, whether it stopped early or not (Prechelt 1998; Keras: restore_best_weights).
    """

    name = "early_stopping"
    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        require_count("early_stopping: patience", self.patience)
        require_number("early_stopping: min_delta", self.min_delta, 0, 1e9)

    def observe(self, waiting: EarlyStoppingState, loss: float) -> EarlyStoppingState:
        """The state after one more record."""
        if loss < waiting.best - self.min_delta:
            return EarlyStoppingState(loss)
        return EarlyStoppingState(waiting.best, waiting.records + 1)

    def waiting(self, losses: Iterable[float]) -> EarlyStoppingState:
        """The state after these records."""
        return functools.reduce(self.observe, losses, EarlyStoppingState())

    def is_over(self, waiting: EarlyStoppingState) -> bool:
        """Whether it has waited long enough."""
        return waiting.records > self.patience
