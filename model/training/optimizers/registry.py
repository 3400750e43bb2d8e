"""Optimizers by their names: "adam", or {"name": "adam", "learning_rate": 0.01}.

Where the field disagrees they follow PyTorch, and say so. Weight decay within J is a term of the
gradient; of its own, beside the step, only AdamW and Lion have one.
"""

from collections.abc import Mapping
from typing import Final

from model.network.config import build, by_name
from model.training.optimizers.adam import Adam, AdamW, Nadam
from model.training.optimizers.adaptive import AdaGrad, RMSProp
from model.training.optimizers.lion import Lion
from model.training.optimizers.optimizer import Optimizer
from model.training.optimizers.sgd import GradientDescent, Momentum, Nesterov
from model.training.optimizers.state import Update

__all__ = [
    "OPTIMIZERS",
    "AdaGrad",
    "Adam",
    "AdamW",
    "GradientDescent",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "Update",
    "optimizer_from",
]

OPTIMIZERS: Final[Mapping[str, type[Optimizer]]] = by_name(
    (GradientDescent, Momentum, Nesterov, AdaGrad, RMSProp, Adam, AdamW, Nadam, Lion)
)


def optimizer_from(description: object) -> Optimizer:
    """The optimizer that plain data describes. Raises NetworkError for what it can't take."""
    return build("optimizer", OPTIMIZERS, description)
