"""How fast the network learns, beside a floor and beside peers that are installed.

Paired rounds, medians, one BLAS thread. `make bench` runs it with what a plain install has; peers
(jax, torch, scikit-learn, keras) take part where they are installed: pip install '.[bench]'.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["KERAS_BACKEND"] = "torch"

import argparse  # noqa: E402
import tracemalloc  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterable  # noqa: E402
from typing import Any  # noqa: E402

import large_jobs  # noqa: E402
import numpy as np  # noqa: E402
import small_step  # noqa: E402
from timing import paired, show  # noqa: E402

from model.network.network import Network  # noqa: E402
from model.training.optimizers import GradientDescent  # noqa: E402

MEMBERS, BATCH = 20, 32


def present(peers: Iterable[Callable[..., Any]], *arguments: Any) -> dict[str, Any]:
    """Each peer's call, of those that are installed."""
    ways = {}
    for make in peers:
        try:
            ways[make.__name__] = make(*(np.copy(a) for a in arguments))
        except ImportError:
            print(f"  ({make.__name__} is not installed)")
    return ways


def step_of_members(members: int) -> Callable[[], object]:
    """One step of as many networks, 9-15-1, on a batch of 32, in one plan."""
    generator = np.random.default_rng(0)
    network = Network([{"units": 15, "activation": "relu"}, {"units": 1}], 9)
    theta = network.initial_parameters([generator] * members if members > 1 else generator)
    plan = network.compile(theta, BATCH)
    labels = generator.uniform(size=(BATCH, 1)) > 0.5
    plan.load(generator.uniform(size=(BATCH, 9)), network.loss.encode(labels, 1, "float64"))
    update = list(GradientDescent(0.01).bind(theta, plan.gradient))

    def step() -> None:
        plan.step()
        for call in update:
            call()

    return step


def show_small_steps(rounds: int) -> None:
    """Table A."""
    for dtype in ("float64", "float32"):
        problem = small_step.problem(dtype)
        ways = present((*small_step.OURS, *small_step.PEERS), *problem)
        title = f"9-15-1, 500 rows, full batch, {dtype}: µs a step"
        show(title, paired(ways, rounds, 500), 1e-6, "µs")


def show_large_jobs(rounds: int) -> None:
    """Table B."""
    for job in large_jobs.JOBS:
        x, y = job.data()
        ways = {}
        for make in (*large_jobs.OURS, *large_jobs.PEERS):
            try:
                ways[make.__name__] = make(job, x, y)
            except ImportError:
                print(f"  ({make.__name__} is not installed)")
        show(f"{job.title}, Adam, float32: one epoch", paired(ways, rounds, 1), 1, "s")


def show_members(rounds: int) -> None:
    """Table C."""
    singles = [step_of_members(1) for _ in range(MEMBERS)]
    ways = {"engine": step_of_members(MEMBERS), "apart": lambda: [step() for step in singles]}
    title = f"{MEMBERS} members of 9-15-1, batch {BATCH}: µs a step of all"
    show(title, paired(ways, rounds, 200), 1e-6, "µs")


def show_memory() -> None:
    """Steps allocate nothing, so a thousand peak where ten do."""
    step = step_of_members(1)
    tracemalloc.start()
    print("\nmemory of steps: ", end="")
    for steps in (10, 1000):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(steps):
            step()
        print(f"{tracemalloc.get_traced_memory()[1] - before} bytes in {steps} steps; ", end="")
    tracemalloc.stop()
    print()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--skip-large", action="store_true", help="only the small networks")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn of convergence and deprecations
    show_small_steps(chosen.rounds)
    show_members(chosen.rounds)
    show_memory()
    if not chosen.skip_large:
        show_large_jobs(max(2, chosen.rounds // 2))


if __name__ == "__main__":
    main()
