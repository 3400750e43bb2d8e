"""The text of a first recipe."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from model.errors import DataError
from model.training.memory import fits_in_memory
from model.training.recipes.default_model import default_model, default_threshold
from model.training.recipes.drafting.columns import Column, read_columns
from model.training.recipes.drafting.content import Content
from model.training.recipes.drafting.feature_lines import Line, feature_line, left_out
from model.training.recipes.drafting.keys import groups_rows, is_key, is_row_number, names_owner
from model.training.recipes.drafting.target_lines import draft_target
from model.training.recipes.toml_text import listed, quoted

SHOWN_REASONS = 3

MAX_ROWS_WITHOUT_TEST = 500  # a part of fewer rows has figures of little certainty
_SPLIT = """\
# Out-of-bag predictions validate the model, so that all rows train it.
[split]
validation = "out-of-bag"\
"""
_SPLIT_WITHOUT_BAGS = """\
# These rows validate the model. The table is too large for memory, and thus for bags of its rows.
[split]
validation = 0.2\
"""
# Keys that people fill in, as they are in no table.
_DISPLAY = """\
    # Texts and values for people, all optional. Copy them into the braces of any feature:
    #   label = "Name for display", description = "", unit = "mg/dL", group = "Heading", step = 1,
    #   typical = 5, levels = { 1 = "low", 10 = "high" }
    # typical is the value that a form starts with; levels are for integers.
"""
_TEST = """
test = 0.15 # of the rows, drawn at random: only the final figures see them"""


def first_recipe(
    frame: pd.DataFrame,
    path: Path,
    name: str,
    target: str | None = None,
    dialect: Mapping[str, str] = MappingProxyType({}),
    rows: int | None = None,
) -> str:
    """Return the text of a recipe for a table.

    Args:
        frame: The table as text, as `read_frame` returns it.
        path: Path of the table, as the recipe refers to it.
        name: Name of the recipe.
        target: The target column. By default a column with a likely name, or else the last one that
            can be a target.
        dialect: Keys of `[data]` on the spelling of the table: delimiter, encoding, decimal.
        rows: Number of rows of the whole table, if `frame` holds the first of them only.

    Raises:
        DataError: If there is no such column, no task fits its values, or no other column can be a
            feature; the text names the column and the reason.
    """
    columns, repeated = read_columns(frame)
    if target in repeated:
        raise DataError(f"{path.name}: column {target!r} occurs twice: rename one of them")
    try:
        aim = draft_target(columns, target)
        others = [column for column in columns if column is not aim.column]
        missing_values, contents = _contents(others)
        lines = _lines(others, contents, repeated)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None
    feature_text = "".join(f"{line}\n" for line in lines)
    spelling = "".join(f"{key} = {quoted(value)}\n" for key, value in dialect.items())
    features = sum(line.is_feature for line in lines)
    size = (len(frame) if rows is None else rows), features
    threshold = default_threshold(aim.task, *size)
    split = _SPLIT if fits_in_memory(*size) else _SPLIT_WITHOUT_BAGS
    return f"""\
# A recipe: how to train a model from a table. It was generated from the first
# {len(frame)} rows of {_one_line(path.name)}. Please check three points before you train:
#
# 1. Types. Is each feature what it seems to be: a number, an integer, a boolean or a
#    category?
# 2. Ranges. minimum and maximum are those of the table. Widen them to every value that
#    may occur later: values outside are predicted as the nearest one inside.
# 3. Columns. Remove every feature that is not known yet when a prediction is made.
#
# Then run: python -m model train THIS_FILE
# All keys are explained in docs/reference/recipes.md.

name = {quoted(name)}
task = {quoted(aim.task)}

# The service shows these texts to its users.
description = ""
intended_use = ""
limits = ["Trained on one table: its figures apply to similar rows only."]
{threshold and chr(10) + threshold}
# The columns that the model learns from.
features = [
{_DISPLAY}{feature_text}]

# The table, and the column to predict.
[data]
file = {quoted(str(path))}
{spelling}{aim.choice}target = {quoted(aim.column.source)}
{aim.lines}

# Empty cells get the median of the column; categories get the most frequent value. Other
# choices: "mode" (always the most frequent value) and "drop" (leave the row out).
missing = "median"
# Texts that are no category, and numbers outside the range, are accepted, and the answer names
# them. "refuse" rejects them.
unseen = "other"
out_of_range = "clip"
{_missing_lines(missing_values)}{_group_lines(others, contents)}
{split}{_TEST if size[0] > MAX_ROWS_WITHOUT_TEST else ""}
seed = 0

{default_model(aim.task, *size)}"""


def _contents(columns: list[Column]) -> tuple[list[str], list[Content]]:
    """Return the texts that columns of numbers spell missing values with, and all contents.

    These texts are missing values in every column.
    """
    contents = [Content(column.cells) for column in columns]
    missing = sorted({text for content in contents for text in content.spellings_of_missing})
    if missing:
        contents = [Content(column.cells, frozenset(missing)) for column in columns]
    return missing, contents


def _lines(columns: list[Column], contents: list[Content], repeated: list[str]) -> list[Line]:
    """Return the line of each column, and one on each name that occurs more than once.

    Raises:
        DataError: If no column is a feature.
    """
    lines: list[Line] = []
    numbered: list[tuple[int, Line]] = []
    for column, content in zip(columns, contents, strict=True):
        line = feature_line(column, content)
        if is_key(column, content):
            line = left_out(column, "it identifies the row and does not describe it")
        elif line.is_feature and is_row_number(column, content):
            numbered.append((len(lines), line))
            line = left_out(column, "it numbers the rows and does not describe them")
        lines.append(line)
    if numbered and not any(line.is_feature for line in lines):
        place, line = numbered[0]  # a table with one column may well have numbers in order
        lines[place] = line
    for name in repeated:
        reason = "several columns have this name" if name else "several columns have no name"
        lines.append(Line(f"{quoted(name)} is left out: {reason}", is_feature=False))
    if not any(line.is_feature for line in lines):
        reasons = "; ".join(line.text for line in lines[:SHOWN_REASONS])
        why = reasons or "there is only the target"
        raise DataError(
            f"no column can be a feature ({why}): add one of numbers, or of texts that rows share"
        )
    return lines


def _missing_lines(texts: list[str]) -> str:
    if not texts:
        return ""
    return f"# Cells of numbers that are read as empty.\nmissing_values = {listed(texts)}\n"


def _group_lines(columns: list[Column], contents: list[Content]) -> str:
    """Return the key `group` with the owner of several rows, if there is one."""
    groups = [
        column
        for column, content in zip(columns, contents, strict=True)
        if is_key(column, content) and groups_rows(content)
    ]
    if not groups:
        return ""
    owner = next(filter(names_owner, groups), groups[0])
    return (
        "# Rows of the same group either all train or all validate.\n"
        f"group = {quoted(owner.source)}\n"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
