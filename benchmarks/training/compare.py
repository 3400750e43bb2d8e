"""Training speed of the network, beside a floor and installed peers.

Paired rounds, medians of CPU time, one core and one BLAS thread. `make bench` runs it with the
packages of a plain install. Peers (jax, torch, scikit-learn, keras) take part where they are
installed: pip install '.[bench]'.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["KERAS_BACKEND"] = "torch"

import argparse  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterable, Iterator  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.harness import table  # noqa: E402
from benchmarks.harness.timing import Run, paired, ratio, show  # noqa: E402
from benchmarks.training import ensemble, full_batch, large_networks, small_step  # noqa: E402

Clock = Callable[[], float]
Goal = tuple[str, tuple[float, str, str]]
# Of each large job: the engine's time over the bare products', and JAX's over the engine's.
LARGE_GOALS = ((1.45, 1.0), (1.30, 1.1))


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


def show_small_steps(rounds: int, clock: Clock) -> Iterator[Goal]:
    """Time full-batch steps of the article's network, and yield the goal."""
    for dtype in ("float64", "float32"):
        problem = small_step.problem(dtype)
        ways = present((*small_step.OURS, *small_step.PEERS), *problem)
        title = f"9-15-1, 500 rows, full batch, {dtype}: µs per step"
        times = paired(ways, rounds, 500, clock)
        show(title, times, 1e-6, "µs")
        if dtype == "float64":
            measured = ratio(times, "article_style", "engine")
            yield table.at_least("small step: article's style ÷ engine", measured, 3.2)


def show_ensemble(rounds: int, clock: Clock) -> None:
    """Time ensemble members in one plan and in separate plans."""
    show(ensemble.TITLE, paired(present(ensemble.OURS), rounds, 200, clock), 1e-6, "µs")


def show_full_batch(rounds: int, clock: Clock) -> Iterator[Goal]:
    """Time a full batch in chunks and at once, and yield the goal."""
    times = paired(present(full_batch.OURS), rounds, 20, clock)
    show(full_batch.TITLE, times, 1e-3, "ms")
    measured = ratio(times, "at_once", "engine")
    yield table.at_least("full batch: all at once ÷ engine", measured, 1.9)


def show_large_jobs(rounds: int, clock: Clock) -> Iterator[Goal]:
    """Time epochs of mini-batches, and yield the goals."""
    for job, (products, jax) in zip(large_networks.JOBS, LARGE_GOALS, strict=True):
        ways = present((*large_networks.OURS, *large_networks.PEERS), job, *job.data())
        title = f"{job.title}, Adam, float32: one epoch"
        times = paired(ways, rounds, 1, clock)
        show(title, times, 1, "s")
        of_products = ratio(times, "engine", "bare_products")
        yield table.at_most(f"{job.rows:,} rows: engine ÷ bare products", of_products, products)
        if "jax" in times:
            yield table.at_least(
                f"{job.rows:,} rows: JAX ÷ engine", ratio(times, "jax", "engine"), jax
            )


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
        clock = time.process_time
        print("on one core, CPU time", end="")
    else:
        clock = time.perf_counter
        print("on all cores; some peers use more than one", end="")
    print(f", NumPy {np.__version__}, medians of {chosen.rounds} paired rounds and of their ratios")
    goals = [*show_small_steps(chosen.rounds, clock)]
    show_ensemble(chosen.rounds, clock)
    goals += show_full_batch(chosen.rounds, clock)
    if not chosen.skip_large:
        goals += show_large_jobs(chosen.rounds, clock)
        show_memory()
    table.show("Goals", ("measured", "goal", "met"), goals)


if __name__ == "__main__":
    main()
