"""A feature's line in a recipe, guessed from its column; or why the column is none."""

from dataclasses import dataclass
from typing import Final

from model.prediction.names import is_name
from model.training.recipes.drafting.columns import Column
from model.training.recipes.drafting.content import Content
from model.training.recipes.toml_text import listed, number, quoted, rows

MAX_CATEGORIES: Final = 20  # above, only the frequent ones are listed
MAX_LISTED: Final = 50
MIN_ROWS_OF_CATEGORY: Final = 5  # of many
MIN_PRESENT: Final = 10  # rows with a value
MIN_ROWS: Final = 20  # below, a single row that differs is no reason to leave a column out


@dataclass(frozen=True)
class Line:
    """A column's line in the list of features.

    Attributes:
        text: The feature in TOML, or the reason why it is none.
        is_feature: Whether it is one.
    """

    text: str
    is_feature: bool

    def __str__(self) -> str:
        return f"    {self.text}" if self.is_feature else f"    # {self.text}"


def left_out(column: Column, reason: str) -> Line:
    """Return the comment on a column that is no feature.

    Args:
        column: The column.
        reason: Why it is none; it follows a colon.
    """
    return Line(f"{column.shown} is left out: {reason}", is_feature=False)


def feature_line(column: Column, content: Content) -> Line:
    """Return the line of a feature, or the reason why the column is none.

    Args:
        column: The column.
        content: Its content.
    """
    reason = _reason(content)
    if reason is not None:
        return left_out(column, reason)
    fields, notes = [f"name = {quoted(column.name)}"], []
    if column.source != column.name:
        fields.append(f"column = {quoted(column.source)}")
    if content.is_truth:
        fields.append('type = "boolean"')
    elif content.numbers is not None:
        if content.is_whole:
            fields.append('type = "integer"')
        low, high = min(content.numbers.values()), max(content.numbers.values())
        fields += [f"minimum = {number(low)}", f"maximum = {number(high)}"]
    else:
        categories = _categories(content)
        fields += ['type = "category"', f"categories = {listed(categories)}"]
        others = len(content.counts) - len(categories)
        if others:
            notes.append(f"{others} rarer texts count as other")
    if content.missing:
        fields.append("may_be_missing = true")
        notes.append(f"missing in {rows(content.missing)}")
    if column.source != column.name:
        notes.append("the service cannot take the name of the column")
    note = f" # {'; '.join(notes)}" if notes else ""
    return Line(f"{{ {', '.join(fields)} }},{note}", is_feature=True)


def _reason(content: Content) -> str | None:
    """Return why a column with this content is no feature; None if it is one."""
    different, present = len(content.values), len(content.cells) - content.missing
    if not different:
        return "it has no value in any row"
    if different == 1:
        return "it is the same in every row" + " that has a value" * bool(content.missing)
    if content.most_common == present - 1 and present >= MIN_ROWS:
        return "it is the same in every row but one"
    if present < min(MIN_PRESENT, len(content.cells) / 2):
        return f"it has a value in {rows(present)} only"
    if content.is_huge:
        return "its numbers are larger than 2^63: write them in a larger unit"
    if content.numbers is not None or content.is_truth:
        return None
    if content.is_date:
        return "it holds dates. Add what they mean as numbers, such as a year or an age in days"
    if content.most_common == 1:
        return "its texts are all different, such as names, codes or free text"
    categories = _categories(content)
    if len(categories) < 2 or 2 * sum(map(content.counts.__getitem__, categories)) < present:
        return f"its {different} different texts are too rare, too long or too odd for categories"
    return None


def _categories(content: Content) -> list[str]:
    """Return the texts that are valid as categories, of many only those of several rows, sorted."""
    valid = [text for text in content.counts if is_name(text)]
    if len(valid) > MAX_CATEGORIES:
        common = [text for text in valid if content.counts[text] >= MIN_ROWS_OF_CATEGORY]
        valid = sorted(common, key=content.counts.__getitem__, reverse=True)[:MAX_LISTED]
    return sorted(valid)
