"""A first recipe from a table: what its columns seem to be, said in comments, to be corrected."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from model.errors import DataError
from model.prediction.schema import is_name

LIKELY_TARGETS = ("class", "target", "label", "diagnosis", "outcome", "y")
MOST_CATEGORIES = 20
TRUTHS = ({"true", "false"}, {"0", "1"})


def first_recipe(frame: pd.DataFrame, path: Path, name: str, target: str | None = None) -> str:
    """The text of a recipe for a table of text, as `read_frame` gives it.

    path: of the table, as the recipe is to name it. target: the column of the truth; by default one
    that is called so, or the last. Two values make a binary task, some a multi_class one, and many
    numbers a regression. Raises DataError where it is none of these.
    """
    target = target or _likely_target(frame)
    if target not in frame.columns:
        raise DataError(f"{path.name}: no column {target!r}; it has {', '.join(frame.columns)}")
    try:
        task, target_lines = _target(frame[target])
    except DataError as error:
        raise DataError(f"{path.name}: target {target!r} {error}") from None
    others = [column for column in frame.columns if column != target]
    group = next((column for column in others if _is_key(frame[column])), None)
    features = [line for column in others for line in _feature(frame[column])]
    lines = [
        f"# A first recipe for {path.name}, from its (first) {len(frame)} rows. Correct what is",
        "# wrong: types, ranges (what may come, not only what came), and which columns should not",
        "# be there, because nobody would know them before the answer.",
        "",
        f"name = {_quoted(name)}",
        f"task = {_quoted(task)}",
        'description = ""',
        'intended_use = ""',
        'limits = ["Made from one table: its figures are of rows like these."]',
        *(["threshold = 0.5"] if task == "binary" else []),
        "",
        "features = [",
        *features,
        "]",
        "",
        "[data]",
        f"file = {_quoted(str(path))}",
        f"target = {_quoted(target)}",
        *target_lines,
        'missing = "median" # or "drop" the rows, or "mode"',
        *_group_lines(group),
        "",
        "[split] # a fraction, of each class alike, drawn by the seed",
        "validation = 0.25",
        "seed = 0",
        "",
        "[scaling]",
        'method = "standard"',
        "",
        "[network]",
        'hidden = [{ units = 15, activation = "relu" }]',
        "",
        "[training]",
        'optimizer = "adam"',
        "learning_rate = 0.005 # python -m model lr-find suggests others",
        "epochs = 200",
        "batch_size = 32",
        "early_stopping = { patience = 20 }",
        "",
    ]
    return "\n".join(lines)


def _likely_target(frame: pd.DataFrame) -> str:
    lower = {str(column).lower(): str(column) for column in frame.columns}
    return next((lower[each] for each in LIKELY_TARGETS if each in lower), str(frame.columns[-1]))


def _target(column: "pd.Series[str]") -> tuple[str, list[str]]:
    """The task that a column is the truth of, and what the recipe says of it.

    Raises DataError where it is of none.
    """
    if (column == "").any():
        raise DataError("has empty cells: leave those rows out")
    counts = column.value_counts()
    if len(counts) < 2:
        raise DataError("holds one value only")
    if len(counts) == 2:
        negative, positive = counts.index
        return "binary", [
            f"negative = {_quoted(negative)} # {counts.iloc[0]} rows",
            f"positive = {_quoted(positive)} # {counts.iloc[1]} rows, the rarer class",
        ]
    if len(counts) <= MOST_CATEGORIES:
        numbers = pd.to_numeric(counts.index.to_series(), errors="coerce")
        by_number = not numbers.isna().any()
        classes = sorted(counts.index, key=float if by_number else None)
        return "multi_class", [f"classes = [{', '.join(map(_quoted, classes))}]"]
    if pd.to_numeric(column, errors="coerce").map(math.isfinite).all():
        return "regression", ['# unit = "mm"']
    raise DataError(f"holds {len(counts)} different texts, too many for classes")


def _is_key(column: "pd.Series[str]") -> bool:
    """Whether it seems to say whose a row is: its name says so."""
    words = str(column.name).lower().replace("-", "_").split("_")
    return "id" in words or "patient" in words


def _group_lines(group: str | None) -> Iterator[str]:
    if group is not None:
        yield f"group = {_quoted(group)} # rows of one {group} stay on one side of the split"


def _feature(column: "pd.Series[str]") -> Iterator[str]:
    """The line of a column, or a comment that says why there is none."""
    name, present = str(column.name), column[column != ""]
    if not is_name(name):
        yield f"    # {_quoted(name)}: no name a feature may have"
        return
    if _is_key(column):
        yield f"    # {name}: says whose the row is, not what is known of it"
        return
    if len(present) == len(column) and present.nunique() == 1:
        yield f"    # {name}: the same in every row"
        return
    facts = [f"name = {_quoted(name)}"]
    distinct = set(present)
    numbers = pd.to_numeric(present, errors="coerce")
    if distinct and any({text.lower() for text in distinct} <= each for each in TRUTHS):
        facts.append('type = "boolean"')
    elif distinct and numbers.notna().all() and numbers.map(math.isfinite).all():
        if (numbers == numbers.round()).all():
            facts.append('type = "integer"')
        facts += [f"minimum = {_number(numbers.min())}", f"maximum = {_number(numbers.max())}"]
    elif 2 <= len(distinct) <= MOST_CATEGORIES and all(map(is_name, distinct)):
        facts.append('type = "category"')
        facts.append(f"categories = [{', '.join(_quoted(each) for each in sorted(distinct))}]")
    else:
        yield f"    # {name}: {len(distinct)} different texts, too many or too odd for categories"
        return
    if len(present) < len(column):
        facts.append("may_be_missing = true")
    note = f" # {len(column) - len(present)} missing" if len(present) < len(column) else ""
    yield f"    {{ {', '.join(facts)} }},{note}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False)
