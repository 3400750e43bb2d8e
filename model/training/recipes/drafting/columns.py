"""The columns of a table to draft a recipe from, each with a name that the service can take."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from model.prediction.names import MAX_CHARACTERS, is_name
from model.prediction.schema import RESERVED_NAMES


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table whose name occurs once.

    Attributes:
        source: Its name in the table, "" for none.
        name: Its name as a feature; another one if the service cannot take `source`.
        cells: Its texts, "" for an empty cell.
    """

    source: str
    name: str
    cells: "pd.Series[str]"

    @property
    def shown(self) -> str:
        """The name in a comment, which is one line."""
        return self.name if self.source else f"{self.name}, which has no name in the table,"


def read_columns(frame: pd.DataFrame) -> tuple[list[Column], list[str]]:
    """Return the columns that a recipe can name, and the names that occur more than once.

    Args:
        frame: The table as text; its names are in the form NFC.
    """
    counts = Counter(map(str, frame.columns))
    taken = {*counts, *RESERVED_NAMES}
    columns = []
    for place, source in enumerate(map(str, frame.columns)):
        if counts[source] > 1:
            continue
        is_valid = is_name(source) and source not in RESERVED_NAMES
        name = (
            source
            if is_valid
            else next(each for each in _names(source, place + 1) if each not in taken)
        )
        taken.add(name)
        columns.append(Column(source, name, frame.iloc[:, place]))
    return columns, [source for source, count in counts.items() if count > 1]


def _names(source: str, number: int) -> Iterator[str]:
    """Yield valid names that resemble the name of a column, without end."""
    plain = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", source).split()) or f"column {number}"
    if len(plain) <= MAX_CHARACTERS:
        yield plain
    while True:
        ending = f" (column {number})"
        yield f"{plain[: MAX_CHARACTERS - len(ending)]}{ending}"
        number += 1
