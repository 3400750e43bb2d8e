"""Drift: false alarms in windows without drift, and power against shifts.

Reference and windows are drawn from one population for false alarms: the Wisconsin rows, or nine
features of several distributions. A window gives an alarm if any feature drifted. The naive rule
gives one if the PSI of any feature is over 0.2. Power is measured between the groups of the
Wisconsin rows, and against a shift of one level in one feature.

    python -m benchmarks.drift                  # about ten minutes
    python -m benchmarks.drift --windows 100
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.harness.table import show  # noqa: E402
from model.arrays import Array  # noqa: E402
from model.drift.bins import FeatureBins  # noqa: E402
from model.drift.detection import Drift, drift_of  # noqa: E402
from model.drift.reference import DriftReference  # noqa: E402
from model.prediction.schema import Feature  # noqa: E402
from model.training.recipes.recipe import load_recipe  # noqa: E402
from model.training.tables.partitions import read_table  # noqa: E402

SIZES = (50, 200, 1000, 10_000, 50_000)
REFERENCE_ROWS, SYNTHETIC_ROWS = 559, 2000
NAIVE_PSI = 0.2
FIRST_GROUP = 367  # rows of January 1989 (data/README.md)
FEATURES = 9

Population = Callable[[np.random.Generator, int], Array]


def reference_of(features: tuple[Feature, ...], rows: Array) -> DriftReference:
    """Return reference counts of rows, without predictions."""
    bins = tuple(FeatureBins.fit(*pair) for pair in zip(features, rows.T, strict=True))
    counts = tuple(
        np.bincount(each.places(column), minlength=len(each.names))
        for each, column in zip(bins, rows.T, strict=True)
    )
    return DriftReference(len(rows), bins, counts, "validation", 0, (), ())


def synthetic(draws: np.random.Generator, rows: int) -> Array:
    """Draw rows of nine dependent features: normal, skewed, with many zeros, and of few levels."""
    common = draws.normal(size=(rows, 1))
    normal = np.sqrt(0.3) * common + np.sqrt(0.7) * draws.normal(size=(rows, FEATURES))
    columns = [*normal[:, :3].T, *np.exp(normal[:, 3:5]).T, *np.maximum(normal[:, 5:7], 0).T]
    return np.column_stack([*columns, *np.rint(normal[:, 7:] * 2).T])


def compared(reference: DriftReference, rows: Array, draws: np.random.Generator) -> list[Drift]:
    """Return the drift of each feature in a window."""
    return drift_of(reference, reference.count(rows), draws)


def alarms(windows: list[list[Drift]]) -> tuple[float, float, float]:
    """Return the shares of windows with an alarm, with any q ≤ 0.05, and by the naive rule."""
    return (
        float(np.mean([any(each.drifted for each in window) for window in windows])),
        float(np.mean([any(each.q <= 0.05 for each in window) for window in windows])),
        float(np.mean([any(each.psi > NAIVE_PSI for each in window) for window in windows])),
    )


def percent(shares: tuple[float, ...]) -> list[str]:
    """Return shares in percent."""
    return [f"{100 * share:.1f} %" for share in shares]


def show_false_alarms(
    name: str, features: tuple[Feature, ...], population: Population, rows: int, windows: int
) -> None:
    """Print the shares of windows without drift that give an alarm."""
    found = []
    for size in SIZES:
        draws = np.random.default_rng([1, size])
        each = []
        for _ in range(windows):
            reference = reference_of(features, population(draws, rows))
            each.append(compared(reference, population(draws, size), draws))
        found.append((f"{size}", percent(alarms(each))))
    heads = ["alarms", "any q ≤ .05", "naive rule"]
    show(f"False alarms: {name}, {rows} reference rows, {windows} windows", heads, found)


def show_groups(features: tuple[Feature, ...], rows: Array, windows: int) -> None:
    """Print how often the later rows give an alarm against the first group."""
    reference = reference_of(features, rows[:FIRST_GROUP])
    later, found = rows[FIRST_GROUP:], []
    for size in (50, 100, 200, len(later)):
        draws = np.random.default_rng([2, size])
        each = [
            compared(reference, later[draws.permutation(len(later))[:size]], draws)
            for _ in range(windows if size < len(later) else 1)
        ]
        drifted = float(np.mean([sum(one.drifted for one in window) for window in each]))
        found.append((f"{size}", [*percent(alarms(each)), f"{drifted:.1f}"]))
    heads = ["alarms", "any q ≤ .05", "naive rule", "features"]
    show(f"Later rows against January 1989, {windows} windows", heads, found)


def show_shifts(features: tuple[Feature, ...], rows: Array, share: float, windows: int) -> None:
    """Print how often a feature that is one level higher is found, and another one is."""
    found = []
    for size in SIZES[:4]:
        draws = np.random.default_rng([3, size])
        shifted, others = np.zeros(FEATURES), 0
        for window in range(windows):
            place = window % FEATURES
            reference = reference_of(features, _drawn(rows)(draws, REFERENCE_ROWS))
            given = _drawn(rows)(draws, size)
            is_higher = draws.random(size) < share
            given[:, place] = np.minimum(given[:, place] + is_higher, 10)
            drifted = [each.drifted for each in compared(reference, given, draws)]
            shifted[place] += drifted[place]
            others += any(drifted[:place] + drifted[place + 1 :])
        by_feature = shifted / np.ceil((windows - np.arange(FEATURES)) / FEATURES)
        of_all = float(shifted.sum()) / windows, others / windows
        shares = of_all[0], float(by_feature.min()), float(by_feature.max()), of_all[1]
        found.append((f"{size}", percent(shares)))
    heads = ["found", "hardest", "easiest", "another too"]
    title = f"One feature one level higher in {100 * share:.0f} % of the rows, {windows} windows"
    show(title, heads, found)


def _drawn(rows: Array) -> Population:
    return lambda draws, size: rows[draws.integers(0, len(rows), size)]


def main() -> None:
    """Draw windows and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--windows", type=int, default=1000)
    windows = parser.parse_args().windows
    recipe = load_recipe("wisconsin")
    features, rows = recipe.schema.features, read_table(recipe).rows
    show_false_alarms("Wisconsin rows", features, _drawn(rows), REFERENCE_ROWS, windows)
    named = tuple(Feature(name=f"f{number}") for number in range(FEATURES))
    show_false_alarms("synthetic rows", named, synthetic, SYNTHETIC_ROWS, windows)
    show_groups(features, rows, windows)
    for share in (1.0, 0.25):
        show_shifts(features, rows, share, windows)


if __name__ == "__main__":
    main()
