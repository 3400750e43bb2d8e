"""A feature's line in a recipe, guessed from the cells of its column."""

import math
from collections.abc import Iterator

import pandas as pd

from model.prediction.cells import MARKERS
from model.prediction.names import is_name
from model.training.recipes.drafting.keys import is_key
from model.training.recipes.toml_text import listed, number, quoted, rows

MAX_CATEGORIES = 20
BOOLEAN_TEXTS = ({"true", "false"}, {"0", "1"})


def feature_lines(column: "pd.Series[str]") -> Iterator[str]:
    """Yield the line of a feature, or a comment with the reason why the column is left out."""
    name, present = str(column.name), column[~column.isin(["", *MARKERS])]
    if not is_name(name):
        yield f"    # {quoted(name)} is left out: not a valid feature name"
        return
    if is_key(column):
        yield f"    # {name} is left out: it identifies the row and does not describe it"
        return
    if len(present) == len(column) and present.nunique() == 1:
        yield f"    # {name} is left out: it is the same in every row"
        return
    fields = [f"name = {quoted(name)}"]
    distinct = set(present)
    numbers = pd.to_numeric(present, errors="coerce")
    if distinct and any({text.lower() for text in distinct} <= texts for texts in BOOLEAN_TEXTS):
        fields.append('type = "boolean"')
    elif distinct and numbers.notna().all() and numbers.map(math.isfinite).all():
        if (numbers == numbers.round()).all():
            fields.append('type = "integer"')
        fields += [f"minimum = {number(numbers.min())}", f"maximum = {number(numbers.max())}"]
    elif 2 <= len(distinct) <= MAX_CATEGORIES and all(map(is_name, distinct)):
        fields.append('type = "category"')
        fields.append(f"categories = {listed(sorted(distinct))}")
    else:
        yield f"    # {name} is left out: its {len(distinct)} different texts are too many for"
        yield "    # categories, or not valid as their names"
        return
    missing = len(column) - len(present)
    if missing:
        fields.append("may_be_missing = true")
    note = f" # missing in {rows(missing)}" if missing else ""
    yield f"    {{ {', '.join(fields)} }},{note}"
