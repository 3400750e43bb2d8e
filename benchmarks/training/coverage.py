"""Coverage of prediction sets and intervals: how often they include the truth of new rows.

Repeated cross-validation by group: each row's set is that of a model that was not trained on its
group, with limits from the model's held-out rows. A set of several labels is undecided.

    python -m benchmarks.training.coverage                            # wisconsin
    python -m benchmarks.training.coverage table.toml --repeats 3     # a recipe that init wrote
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.harness.table import show  # noqa: E402
from model.arrays import Array  # noqa: E402
from model.explanation.conformal import conformal  # noqa: E402
from model.explanation.held_out import held_out_rows  # noqa: E402
from model.pipelines.cross_validate import draw_folds, fit_table  # noqa: E402
from model.prediction.target import MultiClass, MultiLabel, Regression, Target  # noqa: E402
from model.training.recipes.recipe import load_recipe  # noqa: E402
from model.training.tables.partitions import read_table  # noqa: E402

LEVELS = (0.8, 0.9, 0.95, 0.99)


def labels_of(target: Target, targets: Array) -> list[str]:
    """Return the true label of each row."""
    names = (
        target.classes
        if isinstance(target, MultiClass)
        else (getattr(target, "negative", ""), getattr(target, "positive", ""))
    )
    return [names[int(each)] for each in targets[:, 0]]


def main() -> None:
    """Train and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", nargs="?", default="wisconsin")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=10)
    chosen = parser.parse_args()
    recipe = load_recipe(chosen.recipe)
    target, table = recipe.schema.target, read_table(recipe)
    if isinstance(target, MultiLabel):
        parser.error("labels that exclude no other have a set each: choose another recipe")
    found: dict[float, list[tuple[str, bool, float]]] = {level: [] for level in LEVELS}
    for assignment in draw_folds(target, table, chosen.folds, chosen.repeats):
        for fold in range(int(assignment.max()) + 1):
            held = table.take(assignment == fold)
            predictor = fit_table(recipe, table.take(assignment != fold))
            predictions, rows = predictor.predict(held.rows), held_out_rows(predictor)
            for level in LEVELS:
                limits = conformal(target, rows, level)
                if isinstance(target, Regression):
                    ends = limits.intervals(predictions)[:, 0]
                    truth = held.targets[:, 0]
                    holds = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
                    found[level] += [
                        ("all", bool(each), float(width))
                        for each, width in zip(holds, np.ptp(ends, axis=1), strict=True)
                    ]
                    continue
                sets = [each[0] for each in limits.sets(predictions)]
                found[level] += [
                    (label, label in each, float(len(each) > 1))
                    for label, each in zip(labels_of(target, held.targets), sets, strict=True)
                ]
    second = "mean width" if isinstance(target, Regression) else "undecided"
    labels = sorted({label for label, _, _ in found[LEVELS[0]]})
    rows_of: list[tuple[str, list[str | float]]] = []
    for level, cells in found.items():
        values: list[str | float] = []
        for label in labels:
            of_label = [each for each in cells if each[0] == label]
            values.append(float(np.mean([each[1] for each in of_label])))
            values.append(float(np.mean([each[2] for each in of_label])))
        rows_of.append((f"level {level:g}", values))
    heads = [head for label in labels for head in (label[:11], second)]
    show(f"Share of rows whose set includes the truth: {recipe.name}", heads, rows_of)


if __name__ == "__main__":
    main()
