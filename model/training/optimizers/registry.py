"""Optimizers by name: "adam", or {"name": "adam", "learning_rate": 0.01}.

Where libraries disagree, formulas and defaults follow PyTorch, and the docstring says so. l2 of a
training is a penalty, a term of the gradient; decoupled weight decay, applied beside the step, is
available in AdamW and Lion only.
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
    """Build the optimizer that a name or a table describes; an optimizer is returned as it is.

    Raises:
        NetworkError: If the name or a field is unknown, or a value is out of its range.
    """
    return build("optimizer", OPTIMIZERS, description)
