"""Early stopping: end a training when the monitored loss no longer falls."""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from model.network.config import Configurable
from model.network.validation import require_choice, require_count, require_number

VALIDATION: Final = "validation"
OUT_OF_BAG: Final = "out-of-bag"


class EarlyStoppingState(NamedTuple):
    """The progress of the monitored loss.

    Attributes:
        best: The last loss that counted as better.
        records: Records since then, none of which was better.
    """

    best: float = math.inf
    records: int = 0


@dataclass(frozen=True)
class EarlyStopping(Configurable):
    """Stop after more than `patience` consecutive records without a better loss.

    A loss is better if it is below best − min_delta. The weights of the best record are restored,
    whether the training stopped early or not (Keras: restore_best_weights).

    A bagged ensemble can do without validation rows: the loss is then that of its averaged
    out-of-bag predictions, and the weights of all members are those of the same record.

    Source: Prechelt, "Early stopping - but when?", 1998,
    https://doi.org/10.1007/3-540-49430-8_3

    Args:
        patience: Records without progress that are tolerated in a row, at least 1.
        min_delta: Decrease of the loss that must be exceeded to count, from 0 to 1e9.
        rows: Rows whose loss is monitored, "validation" or "out-of-bag".
    """

    name = "early_stopping"
    patience: int = 10
    min_delta: float = 0.0
    rows: str = VALIDATION

    def __post_init__(self) -> None:
        require_count("early_stopping: patience", self.patience)
        require_number("early_stopping: min_delta", self.min_delta, 0, 1e9)
        require_choice("early_stopping: rows", self.rows, (VALIDATION, OUT_OF_BAG))

    def observe(self, state: EarlyStoppingState, loss: float) -> EarlyStoppingState:
        """Return the state after one more record.

        Args:
            state: The state before the record.
            loss: The record's monitored loss.
        """
        if loss < state.best - self.min_delta:
            return EarlyStoppingState(loss)
        return EarlyStoppingState(state.best, state.records + 1)

    def state_after(self, losses: Iterable[float]) -> EarlyStoppingState:
        """Return the state after records with these losses."""
        return functools.reduce(self.observe, losses, EarlyStoppingState())

    def should_stop(self, state: EarlyStoppingState) -> bool:
        """Return whether the training has to stop."""
        return state.records > self.patience
