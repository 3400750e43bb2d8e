"""Steps: numbers that are too small for a processor to compute with at full speed."""

import numpy as np
import pytest

from model.network.layers import Dense
from model.network.network import Network
from model.training.batches.rows import EncodedRows, Rows
from model.training.config import Training
from model.training.fitting.steps import FLUSH_STEPS, Steps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("members", [None, 2])
def test_weights_that_decay_become_zero(dtype: str, members: int | None) -> None:
    """A penalty halves unused weights at each step; without the flush they end as subnormals."""
    network = Network([Dense(3, "relu"), Dense(1)], 2, "mean_squared_error", dtype)
    training = Training(
        optimizer="momentum", learning_rate=0.5, epochs=1, l2=1.0, average=0.5, batch_size="full"
    )
    theta = network.initial_parameters(training.initial_generators(members))
    rows = EncodedRows(network, Rows(np.zeros((4, 2)), np.zeros(4)), members)
    steps = Steps(network, theta, rows, training)
    count = 40 if dtype == "float32" else 300
    assert steps.advance(count * FLUSH_STEPS) == count * FLUSH_STEPS
    limit = np.finfo(dtype).tiny
    for name, array in steps.state().arrays.items():
        if array.ndim and name != "good":
            assert not ((np.abs(array) < limit) & (array != 0)).any(), name
    assert not steps.evaluated_theta().any()
