"""Expected quality against NannyML's estimates, and drift against Evidently's, of the same rows.

    python3.11 -m venv /tmp/estimates
    /tmp/estimates/bin/pip install nannyml==0.13.1 evidently==0.7.23 'pandas<2.3' 'scikit-learn<1.7'
    PYTHONPATH=. /tmp/estimates/bin/python -m benchmarks.estimates     # about two minutes

NannyML (confidence-based performance estimation) calibrates the probabilities again on reference
rows with truth, if that helps there; it is run with and without. The reference of Wisconsin are the
out-of-bag rows, and the window the validation rows. Evidently compares the first group of the
Wisconsin rows with the later ones, without missing values.
"""

import os

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # before NannyML is imported

import argparse
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.drift import FIRST_GROUP, REFERENCE_ROWS, percent
from benchmarks.harness.table import show
from model.arrays import Array
from model.artifacts import artifact
from model.drift.bins import FeatureBins
from model.drift.significance import two_sample_p_values
from model.drift.stability import index_by_chance, stability_index
from model.metrics.expected_matrix import (
    expected_class_figures,
    expected_class_sums,
    expected_figures,
)
from model.metrics.probability_bins import BINS, first_positive_bin
from model.prediction.predictor import ScoredRows
from model.training.recipes.recipe import load_recipe
from model.training.tables.partitions import read_table
from service.store.counting import probability_bins

PEERS: Final = ("nannyml", "evidently")
# Figures by their names in NannyML; a matrix has one figure for each cell.
FIGURES: Final = {
    "accuracy": "accuracy",
    "roc_auc": "roc_auc",
    "recall": "sensitivity",
    "specificity": "specificity",
    "precision": "positive_predictive_value",
}
CELLS: Final = ("true_positive", "false_positive", "false_negative", "true_negative")
CLASSES: Final = ("a", "b", "c")
LEVEL: Final = 0.05


class AsGiven:
    """A calibrator for NannyML that changes nothing."""

    def fit(self, *args: object, **kwargs: object) -> None:
        """Learn nothing."""

    def calibrate(self, probabilities: Array) -> Array:
        """Return the probabilities."""
        return probabilities


def nannyml(task: str, reference: Any, window: Any, calibrator: AsGiven | None) -> dict[str, float]:
    """Return NannyML's estimates.

    Args:
        task: "binary" or "multiclass".
        reference: Table with truth.
        window: Table without truth.
        calibrator: None for NannyML's own.
    """
    from nannyml.performance_estimation.confidence_based import CBPE

    metrics = list(FIGURES) if task == "binary" else ["accuracy"]
    columns = {name: f"p_{name}" for name in CLASSES} if task == "multiclass" else "p"
    estimator = CBPE(
        metrics=[*metrics, "confusion_matrix"],
        y_pred_proba=columns,
        y_pred="label",
        y_true="truth",
        problem_type=f"classification_{task}",
        chunk_number=1,
        calibrator=calibrator,
    )
    found = estimator.fit(reference).estimate(window).filter(period="analysis").to_df()
    return {
        name: float(found[name]["value"].iloc[0])
        for name in dict.fromkeys(found.columns.get_level_values(0))
        if name != "chunk"
    }


def ours(probabilities: Array, threshold: float) -> dict[str, float]:
    """Return our expected figures by NannyML's names."""
    rows = np.bincount(probability_bins(probabilities), minlength=BINS)
    figures = expected_figures(rows, first_positive_bin(threshold))
    return {
        **{name: figures[own] for name, own in FIGURES.items()},
        **figures["confusion_matrix"],
    }


def table_of(rows: ScoredRows, threshold: float) -> Any:
    """Return probability, label and truth of rows of a binary model."""
    import pandas as pd

    p = rows.predictions[:, 0]
    truth = rows.targets[:, 0].astype(int)
    return pd.DataFrame({"p": p, "label": (p > threshold).astype(int), "truth": truth})


def show_binary(path: Path, repeats: int) -> None:
    """Print estimates of the Wisconsin model, and how wrong those of halves of its rows are."""
    predictor = artifact.load(path)
    assert predictor.out_of_bag is not None
    threshold = predictor.threshold
    reference = table_of(predictor.out_of_bag, threshold)
    window = table_of(predictor.validation, threshold)
    given = window.drop(columns="truth")
    own = ours(window["p"].to_numpy(), threshold)
    same, again = (nannyml("binary", reference, given, each) for each in (AsGiven(), None))
    figures = [(name, [own[name], same[name], again[name]]) for name in (*FIGURES, *CELLS)]
    show(
        f"Wisconsin, {len(window)} rows expected from their probabilities",
        ["ours", "NannyML", "calibrated"],
        [(name, [f"{value:.4f}" for value in values]) for name, values in figures],
    )
    draws, errors = np.random.default_rng(0), []
    for _ in range(repeats):
        order = draws.permutation(len(reference))
        first, second = (reference.iloc[part] for part in np.array_split(order, 2))
        real = float((second["label"] == second["truth"]).mean())
        estimates = (
            ours(second["p"].to_numpy(), threshold)["accuracy"],
            nannyml("binary", first, second.drop(columns="truth"), None)["accuracy"],
        )
        errors.append([estimate - real for estimate in estimates])
    difference = np.array(errors)
    show(
        f"Expected less true accuracy, {repeats} random halves of the out-of-bag rows",
        ["mean", "mean size"],
        [
            (name, [f"{100 * column.mean():+.2f} %", f"{100 * np.abs(column).mean():.2f} %"])
            for name, column in zip(("ours", "NannyML, calibrated"), difference.T, strict=True)
        ],
    )


def show_classes(size: int = 5000) -> None:
    """Print estimates for drawn probabilities of three classes, which are right."""
    import pandas as pd

    draws = np.random.default_rng(1)
    tables, probabilities = [], []
    for _ in range(2):
        p = draws.dirichlet([0.6, 0.4, 0.8], size)
        true = (draws.random((size, 1)) > p.cumsum(axis=1)).sum(axis=1)
        columns = {f"p_{name}": p[:, place] for place, name in enumerate(CLASSES)}
        names = np.array(CLASSES)
        labels = {"label": names[p.argmax(axis=1)], "truth": names[true]}
        tables.append(pd.DataFrame({**columns, **labels}))
        probabilities.append(p)
    reference, window = tables
    given = window.drop(columns="truth")
    same, again = (nannyml("multiclass", reference, given, each) for each in (AsGiven(), None))
    figures = expected_class_figures(CLASSES, expected_class_sums(probabilities[1]))
    real = pd.crosstab(window["truth"], window["label"]).to_numpy()
    rows = [
        ("accuracy", [figures["accuracy"], same["accuracy"], again["accuracy"]], np.trace(real)),
    ]
    shown = [
        (name, [*(f"{value:.4f}" for value in values), f"{hits / size:.4f}"])
        for name, values, hits in rows
    ]
    for true_place, true_name in enumerate(CLASSES):
        for place, name in enumerate(CLASSES):
            key = f"true_{true_name}_pred_{name}"
            values = figures["confusion_matrix"][true_place][place], same[key], again[key]
            cells = [f"{value:.1f}" for value in (*values, real[true_place, place])]
            shown.append((f"{true_name} predicted {name}", cells))
    heads = ["ours", "NannyML", "calibrated", "true"]
    show(f"Three classes, {size} rows", heads, shown)


def show_drift(windows: int) -> None:
    """Print PSI and p-values of the Wisconsin features, and false alarms without drift."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import chi_stat_test, psi_stat_test
    from evidently.legacy.core import ColumnType

    def evidently(test: Any, first: Array, second: Array) -> float:
        series = (pd.Series(each[~np.isnan(each)]) for each in (first, second))
        return float(test(*series, ColumnType.Categorical, LEVEL).drift_score)

    recipe = load_recipe("wisconsin")
    rows = read_table(recipe).rows
    shown = []
    for place, feature in enumerate(recipe.schema.features):
        first, second = rows[:FIRST_GROUP, place], rows[FIRST_GROUP:, place]
        bins = FeatureBins.fit(feature, first)
        counts = [
            np.bincount(bins.places(column), minlength=len(bins.names))[:-1]  # without missing
            for column in (second, first)
        ]
        (p,) = two_sample_p_values([(counts[0], counts[1])], np.random.default_rng(0))
        cells = [
            f"{stability_index(*counts):.4f}",
            f"{evidently(psi_stat_test, first, second):.4f}",
            f"{np.count_nonzero((counts[0] == 0) != (counts[1] == 0))}",
            f"{p:.1g}",
            f"{evidently(chi_stat_test, first, second):.1g}",
        ]
        shown.append((feature.name, cells))
    heads = ["PSI", "Evidently", "empty bins", "p", "Evidently"]
    show("Later Wisconsin rows against January 1989", heads, shown)
    column, shown = rows[:, 0].astype(int), []
    for size in (50, 200):
        draws, figures = np.random.default_rng(0), []
        for _ in range(windows):
            first, second = (
                column[draws.integers(0, len(column), each)] for each in (REFERENCE_ROWS, size)
            )
            counts = [np.bincount(each, minlength=11) for each in (second, first)]
            peer = evidently(psi_stat_test, first.astype(float), second.astype(float))
            figures.append((stability_index(*counts), peer, index_by_chance(*counts)))
        shown.append((f"{size}", [f"{mean:.3f}" for mean in np.mean(figures, axis=0)]))
    title = f"Mean PSI of clump_thickness without drift, {windows} windows"
    show(title, ["ours", "Evidently", "by chance"], shown)
    draws, alarms, pairs = np.random.default_rng(1), 0, []
    for _ in range(windows):
        first, second = (
            column[draws.integers(0, len(column), size)] for size in (REFERENCE_ROWS, 500)
        )
        alarms += evidently(chi_stat_test, first.astype(float), second.astype(float)) <= LEVEL
        counts = [np.bincount(each, minlength=11) for each in (second, first)]
        pairs.append((counts[0], counts[1]))
    own = float(np.mean(two_sample_p_values(pairs, draws) <= LEVEL))
    title = f"p ≤ 0.05 without drift: 500 rows of {rows.shape[0]}, {windows} windows"
    show(title, ["ours", "Evidently"], [("clump_thickness", percent((own, alarms / windows)))])


def main() -> None:
    """Compare, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifact", type=Path, default=Path("artifacts/wisconsin.joblib"))
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--windows", type=int, default=1000)
    chosen = parser.parse_args()
    try:
        print(", ".join(f"{name} {version(name)}" for name in PEERS))
    except ModuleNotFoundError as error:
        sys.exit(f"skipped: {error}; see the help for how to install it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers
        show_binary(chosen.artifact, chosen.repeats)
        show_classes()
        show_drift(chosen.windows)


if __name__ == "__main__":
    main()
