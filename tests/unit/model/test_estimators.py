"""The estimators without scikit-learn: the import error, and a training in several parts."""

import subprocess
import sys

import numpy as np
from support.paths import ROOT

from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.partial_fit import Progress


def test_import_without_scikit_learn_names_the_extra() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import model.estimators"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    message = "ImportError: model.estimators needs scikit-learn: pip install 'malignancy[sklearn]'"
    assert process.stderr.splitlines()[-1] == message


def test_progress_is_immutable_and_continues_several_times() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((50, 3))
    rows = Rows(inputs, inputs[:, 0] > 0)
    network = Network([Dense(6, "tanh"), Dropout(0.2), Dense(1)], inputs=3)
    start = Progress.begin(network, Training(optimizer="adam", epochs=1, batch_size=16, l1=1e-3))
    whole = start.train(rows, epochs=5)
    half = start.train(rows, epochs=2)
    for _ in range(2):
        rest = half.train(rows, epochs=3)
        assert (rest.theta == whole.theta).all()
        assert rest.history == whole.history
        assert (rest.epoch, rest.loss) == (5, whole.loss)
    assert (start.epoch, start.loss, start.history.records) == (0, None, [])
    assert half.epoch == 2
