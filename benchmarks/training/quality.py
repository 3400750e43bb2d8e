"""Quality of the default model beside its peers: the same folds, all fitting within the folds.

Ten repetitions of ten-fold cross-validation of the Wisconsin rows, stratified by class, without
splitting a patient. Each row is predicted by a model that was not trained on its patient. A metric
is computed on one repetition's 683 rows and averaged over the repetitions; ± is its standard
deviation over repetitions. Differences are peer − ours, with 95 % intervals of 2000 bootstrap draws
of patients (the same rows for both models).

    python -m benchmarks.training.quality                 # 683 complete rows
    python -m benchmarks.training.quality --all-rows      # 699, medians imputed within the fold
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

import joblib  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: E402
from sklearn.model_selection import StratifiedGroupKFold  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

from model.arrays import Array  # noqa: E402
from model.evaluation.calibration import calibration_slope  # noqa: E402
from model.evaluation.metrics import specificity_at_sensitivity  # noqa: E402
from model.pipelines.cross_validate import cross_validate  # noqa: E402
from model.training.recipes.recipe import load_recipe  # noqa: E402
from model.training.tables.partitions import read_table  # noqa: E402
from model.training.tables.table import Table  # noqa: E402

FOLDS, DRAWS = 10, 2000
CLIP = 1e-6  # a forest may predict 0 for a positive row: its log-loss would be infinite


def peers() -> dict[str, Any]:
    """Return the peers in their usual settings, with as many trees as improve the result."""
    estimators: dict[str, Any] = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "SVC": make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)),
        "random forest": RandomForestClassifier(500, random_state=0),
        "extra trees": ExtraTreesClassifier(500, random_state=0),
        "kNN": make_pipeline(StandardScaler(), KNeighborsClassifier(15)),
        "MLPClassifier": make_pipeline(
            StandardScaler(), MLPClassifier((15,), max_iter=1000, random_state=0)
        ),
    }
    try:
        from xgboost import XGBClassifier

        estimators["XGBoost"] = XGBClassifier(
            n_estimators=100, max_depth=3, learning_rate=0.1, n_jobs=1
        )
    except ImportError:
        print("XGBoost is not installed")
    try:
        from lightgbm import LGBMClassifier

        estimators["LightGBM"] = LGBMClassifier(
            n_estimators=100, num_leaves=7, n_jobs=1, verbose=-1
        )
    except ImportError:
        print("LightGBM is not installed")
    return estimators


def folds_of(table: Table, repeats: int) -> list[Array]:
    """Return each row's fold, for each repetition."""
    assignments = []
    for seed in range(repeats):
        fold = np.empty(len(table.rows), int)
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        labels = table.targets[:, 0]
        for number, (_, held) in enumerate(splitter.split(table.rows, labels, table.groups)):
            fold[held] = number
        assignments.append(fold)
    return assignments


def out_of_fold(peer: Any, table: Table, assignments: Sequence[Array], jobs: int) -> Array:
    """Return out-of-fold probabilities `(repetitions, N)` of a peer.

    Args:
        peer: The estimator.
        table: The rows.
        assignments: Each row's fold, for each repetition.
        jobs: The number of processes.
    """
    estimator = make_pipeline(SimpleImputer(strategy="median"), peer)

    def one(assignment: Array, fold: int) -> Array:
        held = assignment == fold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = clone(estimator).fit(table.rows[~held], table.targets[~held, 0])
            return np.asarray(fitted.predict_proba(table.rows[held])[:, 1])

    tasks = [(place, fold) for place in range(len(assignments)) for fold in range(FOLDS)]
    results = joblib.Parallel(jobs)(joblib.delayed(one)(assignments[p], f) for p, f in tasks)
    probabilities = np.empty((len(assignments), len(table.rows)))
    for (place, fold), predictions in zip(tasks, results, strict=True):
        probabilities[place, assignments[place] == fold] = predictions
    return probabilities


def row_losses(labels: Array, probabilities: Array, positive: Array) -> dict[str, Array]:
    """Return metrics that are means over rows: each row's value, averaged over repetitions.

    Args:
        labels: `(N,)`.
        probabilities: `(repetitions, N)`.
        positive: `(repetitions, N)`, True for rows classified as positive.
    """
    p = np.clip(np.where(labels, probabilities, 1 - probabilities), CLIP, 1)
    return {
        "log-loss": -np.log(p).mean(axis=0),
        "Brier": np.square(probabilities - labels).mean(axis=0),
        "accuracy": (positive == labels).mean(axis=0),
    }


SCORES: dict[str, Callable[[Array, Array], float | None]] = {
    "AUC": lambda labels, p: float(roc_auc_score(labels, p)),
    "avg. precision": lambda labels, p: float(average_precision_score(labels, p)),
    "slope": lambda labels, p: calibration_slope(labels, np.clip(p, CLIP, 1 - CLIP)),
    "spec. at sens. 99 %": lambda labels, p: specificity_at_sensitivity(labels, p),
}


def show(name: str, labels: Array, probabilities: Array, positive: Array, seconds: float) -> None:
    """Print a line of metrics.

    Args:
        name: The model's name.
        labels: `(N,)`.
        probabilities: `(repetitions, N)`.
        positive: `(repetitions, N)`, True for rows classified as positive.
        seconds: The time of the cross-validation.
    """
    means = row_losses(labels, probabilities, positive)
    cells = [f"{means[key].mean():.4f}" for key in means]
    for score in SCORES.values():
        values = [score(labels, p) for p in probabilities]
        known = [value for value in values if value is not None]
        cells.append(f"{np.mean(known):.4f} ±{np.std(known):.4f}" if known else "-")
    print(f"{name:34}" + "".join(f"{cell:>18}" for cell in cells) + f"{seconds:9.0f} s", flush=True)


def difference(ours: dict[str, Array], theirs: dict[str, Array], groups: Array) -> str:
    """Return peer − ours for each metric, with its interval over draws of patients.

    Args:
        ours: Each row's losses of our model.
        theirs: Each row's losses of the peer.
        groups: `(N,)`, the patient of each row.
    """
    count = groups.max() + 1
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS)
    rows = np.bincount(groups, minlength=count)
    cells = []
    for key, mine in ours.items():
        of_group = np.bincount(groups, weights=theirs[key] - mine, minlength=count)
        spread = draws @ of_group / (draws @ rows)
        low, high = np.quantile(spread, (0.025, 0.975))
        cells.append(f"{key} {(theirs[key] - mine).mean():+.4f} ({low:+.4f} to {high:+.4f})")
    return ", ".join(cells)


def main() -> None:
    """Print one line per model, then the differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--recipe", default="wisconsin", help="recipe of our model [default: %(default)s]"
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=10,
        help="repetitions of the cross-validation [default: %(default)s]",
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="number of processes [default: %(default)s]"
    )
    parser.add_argument(
        "--all-rows", action="store_true", help="use all 699 rows, not the complete 683"
    )
    parser.add_argument("--alone", action="store_true", help="leave the peers out")
    chosen = parser.parse_args()
    recipe = load_recipe(chosen.recipe)
    missing = "median" if chosen.all_rows else "drop"
    data = recipe.data.model_copy(update={"missing": missing})
    recipe = replace(recipe, data=data)
    table = read_table(recipe)
    labels, groups = table.targets[:, 0], table.group_numbers()
    assignments = folds_of(table, chosen.repeats)
    headings = ["log-loss", "Brier", "accuracy", *SCORES]
    print(
        f"{len(labels)} rows, {chosen.repeats} × {FOLDS} folds; "
        "accuracy at 0.5 unless another threshold is given"
    )
    print(f"{'':34}" + "".join(f"{heading:>18}" for heading in headings) + "     time")
    start = time.perf_counter()
    folds = cross_validate(recipe, table, assignments, chosen.jobs)
    seconds = time.perf_counter() - start
    ours = np.array([each.scored.predictions[:, 0] for each in folds])
    show(recipe.name, labels, ours, ours > 0.5, seconds)
    mine = row_losses(labels, ours, ours > 0.5)
    for name in folds[0].thresholds:
        positive = ours > np.array([each.thresholds[name] for each in folds])
        show(f"  at its threshold {name}", labels, ours, positive, seconds)
    if table.incomplete.any():
        imputed = table.incomplete
        part = row_losses(labels[imputed], ours[:, imputed], ours[:, imputed] > 0.5)
        shown = ", ".join(f"{key} {each.mean():.4f}" for key, each in part.items())
        print(f"  its {int(imputed.sum())} imputed rows: {shown}")
    if chosen.alone:
        return
    differences = []
    for name, peer in peers().items():
        start = time.perf_counter()
        theirs = out_of_fold(peer, table, assignments, chosen.jobs)
        show(name, labels, theirs, theirs > 0.5, time.perf_counter() - start)
        line = difference(mine, row_losses(labels, theirs, theirs > 0.5), groups)
        differences.append(f"{name:22}{line}")
    print("\npeer − ours", *differences, sep="\n")


if __name__ == "__main__":
    main()
