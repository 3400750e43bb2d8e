"""The public Python interface: complete, without private names, and able to train a network."""

import numpy as np

from model import nn
from model.network.activations.registry import ACTIVATIONS
from model.network.initializers import INITIALIZERS
from model.network.layers import LAYERS
from model.network.losses import LOSSES
from model.training.optimizers.registry import OPTIMIZERS
from model.training.schedules.registry import SCHEDULES

REGISTRIES = (LAYERS, LOSSES, ACTIVATIONS, INITIALIZERS, OPTIMIZERS, SCHEDULES)
REGISTERED = [kind for registry in REGISTRIES for kind in registry.values()]


def test_every_registered_class_is_public() -> None:
    names = [kind.__name__ for kind in REGISTERED]
    assert len(set(names)) == len(names)
    assert set(nn.__all__) == {*names, "Fitted", "Sequential"}
    assert [getattr(nn, name) for name in names] == REGISTERED


def test_all_is_sorted_and_lists_public_names_of_the_module_once() -> None:
    assert all(hasattr(nn, name) and not name.startswith("_") for name in nn.__all__)
    public = {name for name in vars(nn) if not name.startswith("_")}
    assert public == set(nn.__all__)
    # Ruff's order: names in capitals first.
    assert nn.__all__ == sorted(set(nn.__all__), key=lambda name: (not name.isupper(), name))


def test_a_small_network_learns() -> None:
    rows = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    labels = (rows**2).sum(axis=1) < 0.5
    network = nn.Sequential([nn.Dense(16, nn.ReLU()), nn.Dense(1)])
    fitted = network.fit(rows, labels, nn.BinaryCrossEntropy(), nn.Adam(0.01), epochs=50)
    probabilities = fitted.predict(rows)
    assert probabilities.shape == (400, 1)
    assert ((probabilities[:, 0] > 0.5) == labels).mean() > 0.95
