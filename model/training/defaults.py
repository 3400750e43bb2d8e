"""The default model: the settings of a table without choices of its user.

`init` writes them as a recipe, with comments; the scikit-learn estimators use them for arguments
that are None. They were chosen on the development tables of benchmarks/tables.
"""

from typing import Any, Final

from model.training.memory import fits_in_memory

MAX_INPUTS: Final = 1000  # of a network, from intervals of numbers
SMALL, MEDIUM, LARGE = 1_000, 2_500, 10_000  # rows
MEMBERS_WITHOUT_BAGS: Final = 4


def default_settings(task: str, rows: int, features: int) -> dict[str, dict[str, Any]]:
    """Return the default model of a table, as a recipe's tables of plain values.

    Args:
        task: The task; a name of `TASKS`.
        rows: Number of rows.
        features: Number of features.
    """
    batch = 32 if rows < SMALL else 64 if rows < MEDIUM else 128 if rows < LARGE else 256
    intervals = 0 if rows < SMALL else 8 if rows < MEDIUM else 16
    scaling: dict[str, Any] = {"method": "robust", "smooth_clip": 3.0}
    if intervals and intervals * features <= MAX_INPUTS:
        scaling["intervals"] = intervals
    tables: dict[str, dict[str, Any]] = {
        "scaling": scaling,
        "network": {"dtype": "float32", "hidden": [{"units": 64, "activation": "relu"}]},
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.005,
            "epochs": 200,
            "batch_size": batch,
            "l2": float(f"{2 / max(rows, 100):.0e}"),
            "average": 0.98,
            "early_stopping": {"patience": 15, "rows": "out-of-bag"},
        },
        "ensemble": {"members": 32 if rows < SMALL else 16, "folds": 8},
    }
    if not fits_in_memory(rows, features):
        tables["training"]["early_stopping"] = {"patience": 15}
        tables["ensemble"] = {"members": MEMBERS_WITHOUT_BAGS, "bagged": False}
    elif task in ("binary", "multi_class", "multi_label"):
        tables["decision"] = {"calibration": "choose"}
    return tables
