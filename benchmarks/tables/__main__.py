"""Compare the default model with the defaults of its peers on public tables.

    python -m benchmarks.tables                           # the development tables
    python -m benchmarks.tables --judge                   # the judging tables: at the end, once
    python -m benchmarks.tables --models ours linear --results /tmp/tables.jsonl

Each table is split into five folds, three if it has more than 2000 rows, which are the same for all
models. The loss is the log-loss, or the root mean squared error of a number. Results are added to a
file, and a cell that the file has is not computed again. Times are CPU seconds of a fit and its
predictions, with one thread.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks.harness.table import show  # noqa: E402
from benchmarks.tables import ours  # noqa: E402
from benchmarks.tables.catalogue import SOURCES, Source, draw_folds, judging_tables  # noqa: E402
from benchmarks.tables.peers import PEERS, Predict  # noqa: E402
from model.arrays import Array  # noqa: E402

OURS, PRIOR = "ours", "prior"
MODELS: dict[str, Predict | None] = {OURS: ours.predict, PRIOR: None, **PEERS}
SCIKIT_LEARN = ("linear", "random forest", "extra trees", "HistGradientBoosting", "MLP")


def loss_of(source: Source, target: Any, predictions: Array, classes: Array) -> float:
    """Return the log-loss, as scikit-learn computes it, or the root mean squared error."""
    if source.task == "regression":
        return float(np.sqrt(np.mean((predictions.ravel() - target) ** 2)))
    from sklearn.metrics import log_loss

    shares = np.asarray(predictions, dtype=float)
    return float(log_loss(target, shares / shares.sum(axis=1, keepdims=True), labels=classes))


def prior(source: Source, target: Any, rows: int, classes: Array) -> Array:
    """Return the mean, or the shares of the classes, of the training rows for each row."""
    if source.task == "regression":
        return np.full(rows, target.mean())
    return np.tile([(target == each).mean() for each in classes], (rows, 1))


def run(models: list[str], *, judge: bool, results: Path) -> None:
    """Compute what the file of results has not."""
    known = set()
    if results.exists():
        lines = map(json.loads, results.read_text().splitlines())
        known = {(line["table"], line["model"], line["fold"]) for line in lines}
    for source in SOURCES:
        if (source.name in judging_tables()) != judge:
            continue
        features, target = source.read()
        classes = np.unique(target)
        for fold, (train, test) in enumerate(draw_folds(target, source.task)):
            for name in models:
                if (source.name, name, fold) in known:
                    continue
                begin, predict = time.process_time(), MODELS[name]
                if predict is None:
                    predictions = prior(source, target.iloc[train], len(test), classes)
                else:
                    parts = features.iloc[train], target.iloc[train], features.iloc[test]
                    predictions = predict(source.task, *parts)
                seconds = time.process_time() - begin
                loss = loss_of(source, target.iloc[test], predictions, classes)
                line = {"table": source.name, "model": name, "fold": fold}
                line |= {"loss": loss, "seconds": seconds}
                with results.open("a") as file:
                    file.write(json.dumps(line) + "\n")


def report(models: list[str], *, judge: bool, results: Path) -> None:
    """Print losses, ranks and times."""
    cells = pd.DataFrame(map(json.loads, results.read_text().splitlines()))
    is_judge = cells["table"].isin(judging_tables())
    cells = cells[is_judge == judge]
    tables = [s.name for s in SOURCES if s.name in set(cells["table"])]
    models = [name for name in models if name in set(cells["model"])]
    losses = cells.pivot_table(index="table", columns="model", values="loss").loc[tables, models]
    seconds = cells.pivot_table(index="table", columns="model", values="seconds").loc[
        tables, models
    ]
    figures = losses.to_numpy().tolist()
    show("Mean loss over folds", models, list(zip(tables, figures, strict=True)))
    compared = losses.drop(columns=PRIOR, errors="ignore")
    ranks = compared.rank(axis=1)
    best = compared.eq(compared.min(axis=1), axis=0)
    rows: list[tuple[str, list[str | float]]] = [
        ("mean rank", [float(ranks[m].mean()) if m in ranks else "" for m in models]),
        ("tables won", [float(best[m].sum()) if m in best else "" for m in models]),
        ("median seconds", [float(seconds[m].median()) for m in models]),
        ("longest seconds", [float(seconds[m].max()) for m in models]),
    ]
    if OURS in losses:
        beaten: list[str | float] = [float((losses[OURS] < losses[m]).mean()) for m in models]
        rows.append(("share of tables on which ours is better", beaten))
    show(f"Over {len(tables)} tables", models, rows)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", action="store_true", help="the judging tables")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=[*MODELS], metavar="MODEL")
    parser.add_argument("--results", type=Path, default=Path("tables.jsonl"), metavar="FILE")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    run(chosen.models, judge=chosen.judge, results=chosen.results)
    report(chosen.models, judge=chosen.judge, results=chosen.results)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
