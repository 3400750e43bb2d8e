"""The cost of the training loop beside bare steps, and the cost of a batch size in time.

First, the loop against the engine's bare steps on the same batches: 60 000 × 784, batch 128, paired
rounds. Then 100 000 rows in full batches, single rows and mini-batches: time per epoch, and time to
the same loss.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import time  # noqa: E402
from dataclasses import dataclass  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.harness.timing import show  # noqa: E402
from benchmarks.training.large_networks import JOBS, step_of  # noqa: E402
from model.arrays import Array  # noqa: E402
from model.network.layers import Dense  # noqa: E402
from model.network.network import Network  # noqa: E402
from model.training.batches.rows import Rows  # noqa: E402
from model.training.config import Training  # noqa: E402
from model.training.fitting.history import Record  # noqa: E402
from model.training.fitting.loop import minimize  # noqa: E402

TARGET_LOSS = 0.05
CLASSES = "sparse_categorical_cross_entropy"


def paired_epochs(rounds: int) -> dict[str, list[float]]:
    """Return seconds of each epoch of a training, and of the same bare steps between its epochs."""
    job = JOBS[0]
    x, y = job.data()
    step = step_of(job, x, y)
    network = Network([Dense(128, "relu"), Dense(10)], 784, CLASSES, "float32")
    theta = network.initial_parameters(np.random.default_rng(0))
    times: dict[str, list[float]] = {"engine": [], "loop": []}
    start = time.perf_counter()

    def watch(done: float, record: Record) -> None:  # noqa: ARG001
        nonlocal start
        if done != int(done):
            return
        # An epoch's record is made after this callback: its time counts to the next epoch.
        times["loop"].append(time.perf_counter() - start)
        start = time.perf_counter()
        for index in job.batches():
            step(index)
        times["engine"].append(time.perf_counter() - start)
        start = time.perf_counter()

    how = Training(optimizer="adam", epochs=rounds + 1, batch_size=job.batch)
    minimize(network, theta, how, Rows(x, y), watch=watch)
    return {name: seconds[1:] for name, seconds in times.items()}


@dataclass(frozen=True)
class Way:
    """A batch size, and a learning rate that suits it.

    Attributes:
        title: The name in the table.
        batch_size: Rows per step, or "full".
        learning_rate: The learning rate.
    """

    title: str
    batch_size: int | str
    learning_rate: float


WAYS = (
    Way("full batch", "full", 2.0),
    Way("single rows", 1, 0.01),
    Way("32 rows", 32, 0.2),
    Way("512 rows", 512, 1.0),
)


def two_classes(rows: int) -> tuple[Array, Array]:
    """Return nine features, and classes that a small network learns well after some epochs."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((rows, 9))
    z = 3 * x[:, 0] * x[:, 1] + 4 * np.abs(x[:, 2]) - 3 + 2 * x[:, 3:].sum(axis=1)
    return x, z > 0


def show_batch_sizes(rows: int, seconds: float) -> None:
    """Print the time per epoch and to the target loss: 9-15-1, gradient descent, one core.

    Args:
        rows: The number of rows.
        seconds: The time limit per batch size.
    """
    x, y = two_classes(rows)
    network = Network([Dense(15, "relu"), Dense(1)], 9)
    theta = network.initial_parameters(np.random.default_rng(1))
    print(f"\n{rows:,} rows, 9-15-1, gradient descent: to a loss of {TARGET_LOSS}")
    for way in WAYS:
        start, reached = time.perf_counter(), ""
        epochs = 0.0

        def watch(done: float, record: Record, start: float = start) -> bool:
            nonlocal epochs
            epochs = done
            elapsed = time.perf_counter() - start
            return record.train_loss < TARGET_LOSS or elapsed > seconds

        how = Training(
            optimizer="gradient_descent",
            learning_rate=way.learning_rate,
            epochs=10**6,
            batch_size=way.batch_size,
        )
        history = minimize(network, theta, how, Rows(x, y), watch=watch).history
        elapsed = time.perf_counter() - start
        best = min(history.column("train_loss"))
        reached = (
            f"{elapsed:6.1f} s" if best < TARGET_LOSS else f"not in {elapsed:.0f} s: {best:.3f}"
        )
        print(
            f"  {way.title:14}{elapsed / epochs:8.3f} s per epoch, {epochs:7.1f} epochs, {reached}"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=7, help="number of paired rounds [default: %(default)s]"
    )
    parser.add_argument(
        "--rows", type=int, default=100_000, help="number of rows [default: %(default)s]"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=120,
        help="time limit per batch size [default: %(default)s]",
    )
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"on one core, NumPy {np.__version__}, medians of {chosen.rounds} paired rounds")
    show(f"{JOBS[0].title}, Adam, float32: one epoch", paired_epochs(chosen.rounds), 1, "s")
    show_batch_sizes(chosen.rows, chosen.seconds)


if __name__ == "__main__":
    main()
