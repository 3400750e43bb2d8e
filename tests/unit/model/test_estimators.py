"""What the estimators are without scikit-learn: an error, and a training that goes on later."""

import subprocess
import sys

import numpy as np
from support.paths import ROOT

from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.partial_fit import Progress


def test_without_scikit_learn_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import model.estimators"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    message = "ImportError: model.estimators needs scikit-learn: pip install 'malignancy[sklearn]'"
    assert done.stderr.splitlines()[-1] == message


def test_a_progress_stays_as_it_is_and_can_go_on_twice() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((50, 3))
    rows = Rows(inputs, inputs[:, 0] > 0)
    network = Network([Dense(6, "tanh"), Dropout(0.2), Dense(1)], inputs=3)
    begun = Progress.begin(network, Training(optimizer="adam", epochs=1, batch_size=16, l1=1e-3))
    whole = begun.train(rows, epochs=5)
    half = begun.train(rows, epochs=2)
    for _ in range(2):
        rest = half.train(rows, epochs=3)
        assert (rest.theta == whole.theta).all()
        assert rest.history == whole.history
        assert (rest.epoch, rest.loss) == (5, whole.loss)
    assert (begun.epoch, begun.loss, begun.history.records) == (0, None, [])
    assert half.epoch == 2
