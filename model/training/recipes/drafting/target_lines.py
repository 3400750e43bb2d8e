"""The target of a recipe: its column, the task, and the classes."""

import math

import pandas as pd

from model.errors import DataError
from model.training.recipes.toml_text import listed, quoted, rows

LIKELY_TARGETS = ("class", "target", "label", "diagnosis", "outcome", "y")
MAX_CLASSES = 20


def likely_target(frame: pd.DataFrame) -> str:
    """Return the column with a usual name for a target, or else the last one."""
    columns = {str(column).lower(): str(column) for column in frame.columns}
    likely = (columns[name] for name in LIKELY_TARGETS if name in columns)
    return next(likely, str(frame.columns[-1]))


def task_and_lines(column: "pd.Series[str]") -> tuple[str, str]:
    """Return the task that a target column belongs to, and the recipe's lines about it.

    Two distinct values make it binary, up to 20 multi_class, and more than 20 distinct numbers
    regression.

    Raises:
        DataError: If no task fits.
    """
    if (column == "").any():
        raise DataError("has empty cells: remove those rows from the table")
    counts = column.value_counts()
    if len(counts) < 2:
        raise DataError("holds one value only: at least two are needed")
    if len(counts) == 2:
        negative, positive = counts.index
        return "binary", (
            "# The rarer class is assumed to be the positive one. Swap the two if it is not.\n"
            f"negative = {quoted(negative)} # {rows(counts.iloc[0])}\n"
            f"positive = {quoted(positive)} # {rows(counts.iloc[1])}"
        )
    if len(counts) <= MAX_CLASSES:
        numbers = pd.to_numeric(counts.index.to_series(), errors="coerce")
        are_numbers = not numbers.isna().any()
        classes = sorted(counts.index, key=float if are_numbers else None)
        return "multi_class", f"classes = {listed(classes)}"
    if pd.to_numeric(column, errors="coerce").map(math.isfinite).all():
        return "regression", '# unit = "mm"'
    raise DataError(
        f"holds {len(counts)} different texts: a class target has at most {MAX_CLASSES}"
    )
