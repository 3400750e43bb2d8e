"""A first recipe from a table: what its columns seem to be, said in comments, to be corrected."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from model.errors import DataError
from model.schema import is_name

LIKELY_TARGETS = ("class", "target", "label", "diagnosis", "outcome", "y")
MOST_CATEGORIES = 20
TRUTHS = ({"true", "false"}, {"0", "1"})


def first_recipe(frame: pd.DataFrame, path: Path, name: str, target: str | None = None) -> str:
    """The text of a recipe for a table of text, as `read_frame` gives it.

    path: of the table, as the recipe is to name it. target: the column of the two classes; by
    default one that is called so, or the last. Raises DataError where it does not hold two.
    """
    target = target or _likely_target(frame)
    if target not in frame.columns:
        raise DataError(f"{path.name}: no column {target!r}; it has {', '.join(frame.columns)}")
    counts = frame[target].value_counts()
    if len(counts) != 2 or "" in counts.index:
        empty = ", the empty one too" if "" in counts.index else ""
        found = f"it holds {len(counts)}{empty}"
        raise DataError(f"{path.name}: target {target!r} must hold two classes, {found}")
    others = [column for column in frame.columns if column != target]
    group = next((column for column in others if _is_key(frame[column])), None)
    features = [line for column in others for line in _feature(frame[column])]
    lines = [
        f"# A first recipe for {path.name}, from its {len(frame)} rows. Correct what is wrong:",
        "# types, ranges (what may come, not only what came), and which columns should not be",
        "# there, because nobody would know them before the answer.",
        "",
        f"name = {_quoted(name)}",
        'description = ""',
        'intended_use = ""',
        'limits = ["Made from one table: its figures are of rows like these."]',
        "threshold = 0.5",
        "",
        "features = [",
        *features,
        "]",
        "",
        "[data]",
        f"file = {_quoted(str(path))}",
        f"target = {_quoted(target)}",
        f"negative = {_quoted(str(counts.index[0]))} # {counts.iloc[0]} rows",
        f"positive = {_quoted(str(counts.index[1]))} # {counts.iloc[1]} rows, the rarer class",
        'missing = "median" # or "drop" the rows, or "mode"',
        *_group_lines(group),
        "",
        "[split] # a fraction of each class, drawn by the seed",
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
