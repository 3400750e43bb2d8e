"""Names of features, categories and labels, which compare equal in any Unicode normalization.

Some systems, such as macOS, write "ö" as "o" and a combining mark (form NFD), most others as one
character (form NFC). Names are kept in NFC, and names in tables and requests are brought to it.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

MAX_CHARACTERS = 100
MAX_DECOMPOSED_CHARACTERS = 4 * MAX_CHARACTERS  # of a name of `MAX_CHARACTERS` in NFD
PATTERN = r"^[^\x00-\x1f\x7f]+$"  # without control characters


def nfc(text: str) -> str:
    """Return a text in the form NFC; one that is too long for a name as it is.

    Normalizing many combining marks takes time that grows with the square of their number.
    """
    if text.isascii() or len(text) > MAX_DECOMPOSED_CHARACTERS:
        return text
    return unicodedata.normalize("NFC", text)


def all_nfc(texts: Iterable[str]) -> list[str]:
    """Return texts in the form NFC."""
    return list(map(nfc, texts))


Text = Annotated[str, AfterValidator(nfc)]
Name = Annotated[
    str,
    StringConstraints(pattern=PATTERN, min_length=1, max_length=MAX_CHARACTERS),
    AfterValidator(nfc),
]


def is_name(text: str) -> bool:
    """Return whether a text is valid as the name of a feature or a category."""
    return len(text) <= MAX_CHARACTERS and re.fullmatch(PATTERN, text) is not None
