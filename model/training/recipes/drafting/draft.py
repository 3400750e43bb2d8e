"""The text of a first recipe."""

from pathlib import Path

import pandas as pd

from model.errors import DataError
from model.training.recipes.default_model import default_model, default_threshold
from model.training.recipes.drafting.feature_lines import feature_lines
from model.training.recipes.drafting.keys import is_key
from model.training.recipes.drafting.target_lines import likely_target, task_and_lines
from model.training.recipes.toml_text import quoted

GROUP = "# Rows of the same group either all train or all validate.\ngroup = "

MAX_ROWS_WITHOUT_TEST = 500  # a part of fewer rows has figures of little certainty
_SPLIT = """\
# Out-of-bag predictions validate the model, so that all rows train it.
[split]
validation = "out-of-bag"\
"""
_TEST = """
test = 0.15 # of the rows, drawn at random: only the final figures see them"""


def first_recipe(frame: pd.DataFrame, path: Path, name: str, target: str | None = None) -> str:
    """Return the text of a recipe for a table.

    Args:
        frame: The table as text, as `read_frame` returns it.
        path: Path of the table, as the recipe refers to it.
        name: Name of the recipe.
        target: The target column. By default a column with a likely name, or else the last one.

    Raises:
        DataError: If there is no such column, or no task fits its values.
    """
    target = target or likely_target(frame)
    if target not in frame.columns:
        raise DataError(
            f"{path.name}: no column {target!r}; the columns are {', '.join(frame.columns)}"
        )
    try:
        task, target_lines = task_and_lines(frame[target])
    except DataError as error:
        raise DataError(f"{path.name}: target {target!r} {error}") from None
    others = [column for column in frame.columns if column != target]
    group = next((column for column in others if is_key(frame[column])), None)
    lines = [line for column in others for line in feature_lines(frame[column])]
    features = sum(line.lstrip().startswith("{") for line in lines)
    feature_text = "".join(f"{line}\n" for line in lines)
    group_lines = "" if group is None else f"{GROUP}{quoted(group)}\n"
    threshold = default_threshold(task)
    return f"""\
# A recipe: how to train a model from a table. It was generated from the first
# {len(frame)} rows of {path.name}. Please check three points before you train:
#
# 1. Types. Is each feature what it seems to be: a number, an integer, a boolean or a
#    category?
# 2. Ranges. minimum and maximum are those of the table. Widen them to every value that
#    may occur later: the service rejects values outside.
# 3. Columns. Remove every feature that is not known yet when a prediction is made.
#
# Then run: python -m model train THIS_FILE
# All keys are explained in docs/recipes.md.

name = {quoted(name)}
task = {quoted(task)}

# The service shows these texts to its users.
description = ""
intended_use = ""
limits = ["Trained on one table: its figures apply to similar rows only."]
{threshold and chr(10) + threshold}
# The columns that the model learns from.
features = [
{feature_text}]

# The table, and the column to predict.
[data]
file = {quoted(str(path))}
target = {quoted(target)}
{target_lines}
# Empty cells get the median of the column; categories get the most frequent value. Other
# choices: "mode" (always the most frequent value) and "drop" (leave the row out).
missing = "median"
{group_lines}
{_SPLIT}{_TEST if len(frame) > MAX_ROWS_WITHOUT_TEST else ""}
seed = 0

{default_model(task, len(frame), features)}"""
