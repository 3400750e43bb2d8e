"""The default model: the settings of a table without choices of its user.

`init` writes them as a recipe, with comments; the scikit-learn estimators use them for arguments
that are None.
"""

from typing import Any


def default_settings(task: str, rows: int, features: int) -> dict[str, dict[str, Any]]:  # noqa: ARG001
    """Return the default model of a table, as a recipe's tables of plain values.

    Args:
        task: The task; a name of `TASKS`.
        rows: Number of rows.
        features: Number of features.
    """
    return {
        "scaling": {"method": "standard"},
        "network": {"hidden": [{"units": 15, "activation": "relu"}]},
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.005,
            "epochs": 200,
            "batch_size": 32,
            "early_stopping": {"patience": 20},
        },
    }
