"""The target of a recipe: its column, the task, and the classes."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from model.errors import DataError
from model.prediction.cells import MARKERS
from model.prediction.names import columns_are, is_name, nfc
from model.training.recipes.drafting.columns import Column
from model.training.recipes.drafting.content import MAX_NUMBER, Content, numbers_of
from model.training.recipes.drafting.keys import is_key, is_row_number
from model.training.recipes.drafting.labels import positive_by_meaning
from model.training.recipes.toml_text import listed, quoted, rows

LIKELY_TARGETS: Final = ("class", "target", "label", "diagnosis", "outcome", "response", "y")
MAX_CLASSES: Final = 20
MIN_ROWS_OF_NUMBER: Final = 3  # on average, of a class that is a number
GAPS: Final = frozenset(("", *MARKERS)) - {"None"}  # a class may be called None


@dataclass(frozen=True)
class TargetDraft:
    """The target of a recipe.

    Attributes:
        column: Its column.
        choice: A comment on the choice of the column; "" if its user made it.
        task: The recipe's task.
        lines: The recipe's lines about the classes and about rows that are left out.
    """

    column: Column
    choice: str
    task: str
    lines: str


def draft_target(columns: Sequence[Column], name: str | None) -> TargetDraft:
    """Return the target with a given name, or else the first likely one that fits a task.

    Args:
        columns: The columns of the table.
        name: Name of the target's column; None for a column with a usual name, or else the last
            one that fits a task.

    Raises:
        DataError: If there is no such column, or no task fits its values.
    """
    failure = None
    for column in _candidates(columns, name):
        try:
            task, lines = _task_and_lines(column.cells)
            if task == "regression" and not is_name(column.source):
                raise DataError("has a name that the service cannot take: rename the column")
            return TargetDraft(column, _choice(column) if name is None else "", task, lines)
        except DataError as error:
            failure = failure or f"target {column.source!r} {error}"
    raise DataError(
        failure or f"no column {name!r}; {columns_are(each.source for each in columns)}"
    )


def _candidates(columns: Sequence[Column], name: str | None) -> Iterator[Column]:
    if name is not None:
        plain = nfc(name.strip())  # as the names of the columns are
        yield from (column for column in columns if column.source == plain)
        return
    for likely in LIKELY_TARGETS:
        yield from (column for column in columns if column.source.lower() == likely)
    for column in reversed(columns):
        content = Content(column.cells)
        if not (content.is_date or is_key(column, content) or is_row_number(column, content)):
            yield column


def _choice(column: Column) -> str:
    is_likely = column.source.lower() in LIKELY_TARGETS
    reason = (
        "has the usual name of a target" if is_likely else "is the last one that can be a target"
    )
    return f"# This column {reason}. For another one: init --target COLUMN\n"


def _task_and_lines(column: "pd.Series[str]") -> tuple[str, str]:
    """Return the task that a target column belongs to, and the recipe's lines about it.

    Two distinct values make it binary, up to 20 multi_class, and other numbers regression. So do
    fractions, and whole numbers of which each has few rows.

    Raises:
        DataError: If no task fits.
    """
    counts = column.value_counts()
    present = counts[~counts.index.isin(GAPS)]
    numbers = numbers_of(list(present.index))
    finite = {text: number for text, number in numbers.items() if math.isfinite(number)}
    is_regression = len(present) > 2 and _are_measured(list(finite.values()), int(present.sum()))
    if is_regression and all(text in finite or math.isinf(_float(text)) for text in numbers):
        present = present[present.index.isin(list(finite))]
    else:
        is_regression = False
    if not len(present):
        raise DataError("has no value in any row")
    if len(present) < 2:
        raise DataError("holds one value only: at least two are needed")
    gaps = [text for text in counts.index if text not in present.index]
    if is_regression:
        if max(map(abs, finite.values())) > MAX_NUMBER:
            raise DataError("holds numbers larger than 2^63: write them in a larger unit")
        return "regression", '# unit = "mm"' + _left_out(gaps, counts, {})
    if len(present) > MAX_CLASSES:
        raise DataError(
            f"holds {len(present)} different texts: a class target has at most {MAX_CLASSES}"
        )
    if present.max() == 1:
        raise DataError("holds a different text in every row: classes must have several rows")
    classes = _classes(list(present.index))
    labels = _left_out(gaps, counts, {text: name for text, name in classes.items() if text != name})
    if len(present) == 2:
        return "binary", _binary(present, classes) + labels
    ordered = sorted(classes, key=finite.__getitem__ if len(finite) == len(present) else None)
    lines = f"classes = {listed([classes[text] for text in ordered])}"
    if len(finite) == len(present):
        lines = (
            "# If these numbers are amounts rather than classes, replace the line by the key\n"
            f'# task = "regression" above, and remove the key classes.\n{lines}'
        )
    return "multi_class", lines + labels


def _are_measured(numbers: Sequence[float], rows_: int) -> bool:
    """Return whether the distinct numbers of a target are amounts rather than classes."""
    are_whole = all(number.is_integer() for number in numbers)
    are_few = len(numbers) <= MAX_CLASSES and rows_ >= MIN_ROWS_OF_NUMBER * len(numbers)
    return bool(numbers) and not (are_whole and are_few)


def _binary(counts: "pd.Series[int]", classes: dict[str, str]) -> str:
    """Return the lines of two labels; `counts` has the more frequent one first."""
    common, rare = counts.index
    meant = positive_by_meaning((common, rare))
    positive, negative = (rare, common) if meant in (None, rare) else (common, rare)
    reason = "The rarer class" if meant is None else "By its meaning, this class"
    return (
        f"# {reason} is assumed to be the positive one. Swap the two if it is not.\n"
        f"negative = {quoted(classes[negative])} # {rows(counts[negative])}\n"
        f"positive = {quoted(classes[positive])} # {rows(counts[positive])}"
    )


def _classes(texts: Sequence[str]) -> dict[str, str]:
    """Return the label of each text: itself, or a shorter one that is valid."""
    found: dict[str, str] = {}
    for number, text in enumerate(texts, 1):
        short = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text[:80]).split())
        found[text] = text if is_name(text) else f"{short} (class {number})"
    return found


def _left_out(gaps: Sequence[str], counts: "pd.Series[int]", names: dict[str, str]) -> str:
    """Return the line of the key `labels`: shorter names, and rows without a target."""
    if not gaps and not names:
        return ""
    pairs = {**names, **dict.fromkeys(gaps, "")}
    count = int(counts[list(gaps)].sum()) if gaps else 0
    comments = ["# Labels that are too long for the service have shorter ones."] if names else []
    if count:
        verb = "is" if count == 1 else "are"
        comments.append(f"# {rows(count)} without a value of the target {verb} left out.")
    table = ", ".join(f"{quoted(text)} = {quoted(label)}" for text, label in pairs.items())
    return "\n" + "\n".join([*comments, f"labels = {{ {table} }}"])


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
