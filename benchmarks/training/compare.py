"""Training speed of the network, beside a floor and installed peers.

Paired rounds, medians, one core and one BLAS thread. `make bench` runs it with the packages of a
plain install. Peers (jax, torch, scikit-learn, keras) take part where they are installed:
pip install '.[bench]'.
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

import numpy as np  # noqa: E402

from benchmarks.harness.timing import Run, paired, show  # noqa: E402
from benchmarks.training import ensemble, large_networks, small_step  # noqa: E402


def present(makers: Iterable[Callable[..., Run]], *arguments: Any) -> dict[str, Run]:
    """Return the runs whose library is installed.

    Args:
        makers: Functions that return a run.
        arguments: Their arguments.
    """
    ways = {}
    for make in makers:
        try:
            ways[make.__name__] = make(*arguments)
        except ImportError:
            print(f"  ({make.__name__} is not installed)")
    return ways


def show_small_steps(rounds: int) -> None:
    """Time full-batch steps of the article's network."""
    for dtype in ("float64", "float32"):
        problem = small_step.problem(dtype)
        ways = present((*small_step.OURS, *small_step.PEERS), *problem)
        title = f"9-15-1, 500 rows, full batch, {dtype}: µs per step"
        show(title, paired(ways, rounds, 500), 1e-6, "µs")


def show_ensemble(rounds: int) -> None:
    """Time ensemble members in one plan and in separate plans."""
    show(ensemble.TITLE, paired(present(ensemble.OURS), rounds, 200), 1e-6, "µs")


def show_large_jobs(rounds: int) -> None:
    """Time epochs of mini-batches."""
    for job in large_networks.JOBS:
        ways = present((*large_networks.OURS, *large_networks.PEERS), job, *job.data())
        title = f"{job.title}, Adam, float32: one epoch"
        show(title, paired(ways, rounds, 1), 1, "s")


def show_memory() -> None:
    """Show that 1000 steps have the same peak memory as 100: steps keep no allocation."""
    for job in large_networks.JOBS:
        run = large_networks.engine_steps(job)
        run(1)
        tracemalloc.start()
        for steps in (100, 1000):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            run(steps)
            peak = tracemalloc.get_traced_memory()[1] - before
            print(f"\n{job.title}: {steps} steps peak at {peak} bytes", end="")
        tracemalloc.stop()
    print()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=7, help="number of paired rounds [default: %(default)s]"
    )
    parser.add_argument("--skip-large", action="store_true", help="time the small networks only")
    parser.add_argument(
        "--all-cores", action="store_true", help="use all cores, for peers with several threads"
    )
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn of convergence and deprecations
    if hasattr(os, "sched_setaffinity") and not chosen.all_cores:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print("on one core", end="")
    else:
        print("on all cores; some peers use more than one", end="")
    print(f", NumPy {np.__version__}, medians of {chosen.rounds} paired rounds and of their ratios")
    show_small_steps(chosen.rounds)
    show_ensemble(chosen.rounds)
    if not chosen.skip_large:
        show_large_jobs(chosen.rounds)
        show_memory()


if __name__ == "__main__":
    main()
