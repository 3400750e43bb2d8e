"""Prediction time of one row and of 10 000 rows, beside the bare NumPy chain and a peer.

Paired rounds, medians, one core and one BLAS thread. Models are untrained, which does not change
the time of a prediction. scikit-learn takes part where it is installed, with one MLPClassifier of
the same layers per ensemble member.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.harness.timing import Run, paired, repeated, show  # noqa: E402
from model.arrays import Array  # noqa: E402
from model.pipelines.prepare import prepare  # noqa: E402
from model.prediction.predictor import Predictor, ScoredRows, SelfTest  # noqa: E402
from model.training.recipes.recipe import load_recipe  # noqa: E402
from model.training.tables.partitions import read_partitions  # noqa: E402

MANY = 10_000
CHUNK_ROWS = 32  # rows of all members at once: the power of two for which the chain is fastest


def untrained(name: str) -> tuple[Predictor, Array]:
    """Return the untrained model of a recipe, and its training rows."""
    recipe = load_recipe(name)
    prepared = prepare(recipe, read_partitions(recipe))
    rows, empty = prepared.parts.train.rows, np.zeros((1, 1))
    scored = ScoredRows.ungrouped(empty, empty)
    predictor = Predictor(
        name=name,
        schema=recipe.schema,
        encoder=prepared.encoder,
        network=prepared.network,
        theta=prepared.theta,
        operating_points={},
        train=scored,
        validation=scored,
        self_test=SelfTest(rows[:1], empty),
    )
    return predictor, rows


def chain(predictor: Predictor, rows: Array) -> Run:
    """The floor: two products and a maximum on encoded inputs, without encoding, checks and link.

    Args:
        predictor: The model.
        rows: The rows.
    """
    theta = np.atleast_2d(predictor.theta)
    first, second = (np.ascontiguousarray(b) for b in predictor.network.layout.views(theta))
    members, hidden, width = first.shape
    one = len(rows) == 1
    # One row takes one product for all members; many rows go in chunks that stay in the cache.
    whole = np.asfortranarray(first.reshape(-1, width))
    last = np.ascontiguousarray(second[..., :-1])
    size = 1 if one else CHUNK_ROWS if members > 1 else 2048
    inputs = predictor.encoder.encode(rows)
    ones = np.column_stack([inputs, np.ones(len(rows))])
    chunks = [ones[start : start + size].T.copy() for start in range(0, len(rows), size)]
    zeros = np.zeros((members * hidden, size))

    def step() -> None:
        for x in chunks:
            y = np.dot(whole, x)
            np.maximum(y, zeros[:, : x.shape[1]], out=y)
            np.matmul(last, y.reshape(members, hidden, -1))

    return repeated(step)


def scikit_learn(predictor: Predictor, rows: Array) -> Run:
    """The mean of MLPClassifier.predict_proba over the members, one after another.

    Args:
        predictor: The model.
        rows: The rows.
    """
    from sklearn.neural_network import MLPClassifier

    theta = np.atleast_2d(predictor.theta)
    inputs = np.nan_to_num(predictor.encoder.encode(rows))
    sample = np.random.default_rng(0).standard_normal((20, inputs.shape[1]))
    hidden = predictor.network.layout.blocks[0].outputs
    peers = [
        MLPClassifier((hidden,), max_iter=1).fit(sample, np.arange(20) % 2)
        for _ in range(len(theta))
    ]
    return repeated(lambda: np.mean([peer.predict_proba(inputs) for peer in peers], axis=0))


def engine(predictor: Predictor, rows: Array) -> Run:
    """From raw rows to probabilities.

    Args:
        predictor: The model.
        rows: The rows.
    """
    return repeated(lambda: predictor.predict(rows))


WAYS: tuple[Callable[[Predictor, Array], Run], ...] = (engine, chain, scikit_learn)


def show_model(name: str, rounds: int) -> None:
    """Print the times of one row and of many rows.

    Args:
        name: The recipe.
        rounds: The number of rounds.
    """
    predictor, table = untrained(name)
    # Short rounds: other programs interrupt few of them, so the medians are of undisturbed ones.
    for count, steps in ((1, 50), (MANY, 1)):
        rows, ways = np.resize(table, (count, table.shape[1])), {}
        for make in WAYS:
            try:
                ways[make.__name__] = make(predictor, rows)
            except ImportError:
                print(f"  ({make.__name__} is not installed)")
        unit, name_of_unit = (1e-6, "µs") if count == 1 else (1e-3, "ms")
        times = paired(ways, rounds * 10 if count == 1 else rounds, steps)
        show(f"{name}, rows: {count}", times, unit, name_of_unit)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=15, help="number of paired rounds [default: %(default)s]"
    )
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # scikit-learn warns that it has not converged
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"on one core, NumPy {np.__version__}, medians of {chosen.rounds} paired rounds")
    for name in ("wisconsin", "article"):
        show_model(name, chosen.rounds)


if __name__ == "__main__":
    main()
