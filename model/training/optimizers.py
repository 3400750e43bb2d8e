"""Optimizers by their names: "adam", or {"name": "adam", "learning_rate": 0.01}.

Where the field disagrees they follow PyTorch, and say so. Weight decay within J is a term of the
gradient; of its own, beside the step, only AdamW and Lion have one.
"""

from collections.abc import Mapping
from typing import Final

from model.network.description import build, by_name
from model.training.adam import Adam, AdamW, Nadam
from model.training.adaptive import AdaGrad, RMSProp
from model.training.descent import GradientDescent, Lion, Momentum, Nesterov
from model.training.optimizer import Optimizer
from model.training.update import Update

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
