"""Names of features, categories and labels, which compare equal in any Unicode normalization.

Some systems, such as macOS, write "ö" as "o" and a combining mark (form NFD), most others as one
character (form NFC). Names are kept in NFC, and names in tables and requests are brought to it.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

MAX_CHARACTERS = 100
MAX_SHOWN = 20  # names in an error
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def nfc(text: str) -> str:
    """Return a text in the form NFC.

    The time grows with the square of the number of combining marks: see `KnownNames` for texts of
    clients.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def without_controls(text: str) -> str:
    """Return a text, which has no control characters.

    Raises:
        ValueError: If it has one.
    """
    if _CONTROL.search(text):
        raise ValueError("must have no control characters, such as a tab or a line break")
    return text


def all_nfc(texts: Iterable[str]) -> list[str]:
    """Return texts in the form NFC."""
    return list(map(nfc, texts))


class KnownNames(frozenset[str]):
    """Names in the form NFC, which are found in any normalization.

    Only a text that is not longer than the longest name in the form NFD is normalized.
    """

    @cached_property
    def _max_characters(self) -> int:
        decomposed = (unicodedata.normalize("NFD", each) for each in self if not each.isascii())
        return max(map(len, decomposed), default=0)

    def find(self, text: str) -> str:
        """Return the name that a text spells; another text as it is."""
        if text in self or text.isascii() or len(text) > self._max_characters:
            return text
        normalized = nfc(text)
        return normalized if normalized in self else text


Text = Annotated[str, AfterValidator(nfc)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CHARACTERS),
    AfterValidator(without_controls),
    AfterValidator(nfc),
]


def is_name(text: str) -> bool:
    """Return whether a text is valid as the name of a feature or a category."""
    return 0 < len(text) <= MAX_CHARACTERS and not _CONTROL.search(text)


def columns_are(names: Iterable[str]) -> str:
    """Return one line for an error that states the names of a table's columns, at most 20.

    Args:
        names: The names, which may have line breaks.
    """
    shown = [" ".join(name.split()) for name in names]
    more = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
    return f"the columns are {', '.join(shown[:MAX_SHOWN])}{more}"
