"""Generate a first recipe from a table: guessed column types and ranges, with comments to check."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from model.errors import DataError
from model.prediction.cells import MARKERS
from model.prediction.names import is_name

LIKELY_TARGETS = ("class", "target", "label", "diagnosis", "outcome", "y")
MAX_CATEGORIES = 20
BOOLEAN_TEXTS = ({"true", "false"}, {"0", "1"})
THRESHOLD = "\n# A row is positive if its probability is above this value.\nthreshold = 0.5\n"
GROUP = "# Rows of the same group either all train or all validate.\ngroup = "


def first_recipe(frame: pd.DataFrame, path: Path, name: str, target: str | None = None) -> str:
    """Return the text of a recipe for a table.

    The target determines the task: two distinct values make it binary, up to 20 multi_class, and
    more than 20 distinct numbers regression.

    Args:
        frame: The table as text, as `read_frame` returns it.
        path: Path of the table, as the recipe refers to it.
        name: Name of the recipe.
        target: The target column. By default a column with a likely name, or else the last one.

    Raises:
        DataError: If there is no such column, or no task fits its values.
    """
    target = target or _likely_target(frame)
    if target not in frame.columns:
        raise DataError(
            f"{path.name}: no column {target!r}; the columns are {', '.join(frame.columns)}"
        )
    try:
        task, target_lines = _target(frame[target])
    except DataError as error:
        raise DataError(f"{path.name}: target {target!r} {error}") from None
    others = [column for column in frame.columns if column != target]
    group = next((column for column in others if _is_key(frame[column])), None)
    features = "".join(f"{line}\n" for column in others for line in _feature(frame[column]))
    group_lines = "" if group is None else f"{GROUP}{_quoted(group)}\n"
    threshold = THRESHOLD if task == "binary" else ""
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

name = {_quoted(name)}
task = {_quoted(task)}

# The service shows these texts to its users.
description = ""
intended_use = ""
limits = ["Trained on one table: its figures apply to similar rows only."]
{threshold}
# The columns that the model learns from.
features = [
{features}]

# The table, and the column to predict.
[data]
file = {_quoted(str(path))}
target = {_quoted(target)}
{target_lines}
# Empty cells get the median of the column; categories get the most frequent value. Other
# choices: "mode" (always the most frequent value) and "drop" (leave the row out).
missing = "median"
{group_lines}
# A quarter of the rows, drawn at random, validates the model; the other rows train it.
[split]
validation = 0.25
seed = 0

# Numbers are scaled to mean 0 and standard deviation 1.
[scaling]
method = "standard"

# One hidden layer. The output layer is added to suit the task.
[network]
hidden = [{{ units = 15, activation = "relu" }}]

[training]
optimizer = "adam"
learning_rate = 0.005 # to find a better one: python -m model lr-find THIS_FILE
epochs = 200 # passes over the training rows, at most
batch_size = 32 # rows per step
# Stop if the validation loss has not improved for 20 epochs, and keep the best weights.
early_stopping = {{ patience = 20 }}
"""


def _likely_target(frame: pd.DataFrame) -> str:
    columns = {str(column).lower(): str(column) for column in frame.columns}
    likely = (columns[name] for name in LIKELY_TARGETS if name in columns)
    return next(likely, str(frame.columns[-1]))


def _target(column: "pd.Series[str]") -> tuple[str, str]:
    """Return the task that a target column belongs to, and the recipe's lines about it.

    Raises DataError if no task fits.
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
            f"negative = {_quoted(negative)} # {_rows(counts.iloc[0])}\n"
            f"positive = {_quoted(positive)} # {_rows(counts.iloc[1])}"
        )
    if len(counts) <= MAX_CATEGORIES:
        numbers = pd.to_numeric(counts.index.to_series(), errors="coerce")
        are_numbers = not numbers.isna().any()
        classes = sorted(counts.index, key=float if are_numbers else None)
        return "multi_class", f"classes = [{', '.join(map(_quoted, classes))}]"
    if pd.to_numeric(column, errors="coerce").map(math.isfinite).all():
        return "regression", '# unit = "mm"'
    raise DataError(
        f"holds {len(counts)} different texts: a class target has at most {MAX_CATEGORIES}"
    )


def _is_key(column: "pd.Series[str]") -> bool:
    """Return whether a column seems to identify a row's owner, judged by its name."""
    words = str(column.name).lower().replace("-", "_").split("_")
    return "id" in words or "patient" in words


def _feature(column: "pd.Series[str]") -> Iterator[str]:
    """Yield the line of a feature, or a comment with the reason why the column is left out."""
    name, present = str(column.name), column[~column.isin(["", *MARKERS])]
    if not is_name(name):
        yield f"    # {_quoted(name)} is left out: not a valid feature name"
        return
    if _is_key(column):
        yield f"    # {name} is left out: it identifies the row and does not describe it"
        return
    if len(present) == len(column) and present.nunique() == 1:
        yield f"    # {name} is left out: it is the same in every row"
        return
    fields = [f"name = {_quoted(name)}"]
    distinct = set(present)
    numbers = pd.to_numeric(present, errors="coerce")
    if distinct and any({text.lower() for text in distinct} <= texts for texts in BOOLEAN_TEXTS):
        fields.append('type = "boolean"')
    elif distinct and numbers.notna().all() and numbers.map(math.isfinite).all():
        if (numbers == numbers.round()).all():
            fields.append('type = "integer"')
        fields += [f"minimum = {_number(numbers.min())}", f"maximum = {_number(numbers.max())}"]
    elif 2 <= len(distinct) <= MAX_CATEGORIES and all(map(is_name, distinct)):
        fields.append('type = "category"')
        fields.append(f"categories = [{', '.join(_quoted(each) for each in sorted(distinct))}]")
    else:
        yield f"    # {name} is left out: its {len(distinct)} different texts are too many for"
        yield "    # categories, or not valid as their names"
        return
    missing = len(column) - len(present)
    if missing:
        fields.append("may_be_missing = true")
    note = f" # missing in {_rows(missing)}" if missing else ""
    yield f"    {{ {', '.join(fields)} }},{note}"


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _quoted(text: str) -> str:
    """Return a TOML string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)
