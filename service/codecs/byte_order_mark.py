"""Byte order marks at the beginning of texts, which programs of Windows write."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE  # UTF-32's little-endian one begins alike
from typing import Final

from service.problems import Problem

_UTF_16: Final = (BOM_UTF16_LE, BOM_UTF16_BE)


def without_mark(text: bytes) -> bytes:
    """Return a text in UTF-8 without its byte order mark.

    Raises:
        Problem: The text has the mark of another encoding (400).
    """
    if text[:1].isascii():  # most texts
        return text
    if text.startswith(_UTF_16):
        raise Problem(400, "The body is malformed: it is UTF-16 or UTF-32 text, not UTF-8.")
    return text.removeprefix(BOM_UTF8)
