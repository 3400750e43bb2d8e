"""The model of a drafted recipe: the default model as TOML, with comments."""

from collections.abc import Mapping
from typing import Any, Final

from model.training.defaults import default_settings
from model.training.memory import fits_in_memory
from model.training.recipes.toml_text import inline

# Above a table, by its name.
TABLE_COMMENTS: Final = {
    "scaling": "Numbers are scaled to median 0 and interquartile range 1; outliers are drawn in.",
    "network": "One hidden layer. The output layer is added to suit the task.",
    "decision": "Out-of-bag predictions calibrate the probabilities, if that improves them.",
}
ENSEMBLE_COMMENT: Final = "Several networks, whose predictions are averaged."
BAGS_COMMENT: Final = (
    " Each trains without an eighth of the\n"
    "# rows; its predictions of these rows are out of bag: honest, for it has not seen them."
)
# Above or after a key, by the names of its table and itself.
KEY_COMMENTS: Final = {
    "training.early_stopping": (
        "Stop if the validation loss has not improved for 15 epochs, and keep the best weights."
    ),
}
END_COMMENTS: Final = {
    "scaling.intervals": "each number's position between quantiles is an input too",
    "training.learning_rate": "to find a better one: python -m model lr-find THIS_FILE",
    "training.epochs": "passes over the training rows, at most",
    "training.batch_size": "rows per step",
    "training.l2": "penalty on large weights",
    "training.average": "predict with a moving average of the weights",
}
# Below a table.
LAST_COMMENTS: Final = {
    "decision": 'refer = [0.1, 0.9] # answer "refer" between these probabilities (task binary)',
}


def default_threshold(task: str, rows: int, features: int) -> str:
    """Return the recipe's top-level keys on the threshold; "" if the task has none.

    Args:
        task: The recipe's task.
        rows: Number of rows of the table.
        features: Number of features.
    """
    if task != "binary":
        return ""
    if not fits_in_memory(rows, features):  # without bags, no threshold can be chosen
        return "# A row is positive if its probability is above the threshold.\nthreshold = 0.5\n"
    return (
        "# A row is positive if its probability is above the threshold. balanced: the best mean\n"
        "# of sensitivity and specificity. Or: 0.5, sensitivity-99, specificity-99, cost.\n"
        'threshold = "balanced"\n'
    )


def default_model(task: str, rows: int, features: int) -> str:
    """Return the tables of a recipe that describe the model and its training.

    Args:
        task: The recipe's task.
        rows: Number of rows of the table.
        features: Number of features.
    """
    tables = default_settings(task, rows, features)
    return "\n".join(_table(name, settings) for name, settings in tables.items())


def _table(name: str, settings: Mapping[str, Any]) -> str:
    """Return the lines of a table of the recipe."""
    comment = TABLE_COMMENTS.get(name)
    if name == "ensemble":
        comment = ENSEMBLE_COMMENT + (BAGS_COMMENT if settings.get("bagged", True) else "")
    lines = [f"# {comment}"] if comment else []
    lines.append(f"[{name}]")
    for key, value in settings.items():
        above, after = KEY_COMMENTS.get(f"{name}.{key}"), END_COMMENTS.get(f"{name}.{key}")
        lines += [f"# {above}"] if above else []
        lines.append(f"{key} = {inline(value)}" + (f" # {after}" if after else ""))
    lines += [f"# {LAST_COMMENTS[name]}"] if name in LAST_COMMENTS else []
    return "".join(f"{line}\n" for line in lines)
