"""Texts of pictures: shortened names, in fonts that have their characters, never as mathematics."""

import re
import unicodedata
from bisect import bisect_right
from functools import cache
from itertools import accumulate

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text

FONT = "DejaVu Sans"  # comes with Matplotlib
REGULAR = (400, "normal", "regular", "book")  # weights
CODE_POINTS = re.compile("⟨[0-9A-F]")
NOTE = "⟨…⟩: code points of characters that no installed font has"


def label(text: str, limit: int = 24) -> str:
    """Return a name for a picture: on one line, drawable, and shortened in its middle.

    Args:
        text: Any text.
        limit: Largest width, in characters; an East Asian character counts twice.
    """
    text = _drawable(" ".join(text.split()))
    if sum(_widths(text)) <= limit:
        return text
    end = _fitting(text[::-1], (limit - 1) // 2)[::-1]
    return f"{_fitting(text, limit // 2)}…{end}"


def prepare_texts(figure: Figure) -> bool:
    """Choose fonts for all texts of a figure; no dollar sign in them begins mathematics.

    Texts of ticks are set again when the figure is drawn, and must come from `label`.

    Returns:
        Whether a text contains code points in place of characters, and `NOTE` is needed.
    """
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    families, _ = _fonts_for(frozenset("".join(text.get_text() for text in texts)))
    for text in texts:
        text.set_parse_math(False)
        text.set_text(_drawable(text.get_text()))
        text.set_fontfamily(families)
    return any(CODE_POINTS.search(text.get_text()) for text in texts)


def _widths(text: str) -> list[int]:
    return [2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text]


def _fitting(text: str, limit: int) -> str:
    """Return the longest beginning that is not wider than `limit`."""
    return text[: bisect_right(list(accumulate(_widths(text))), limit)]


def _drawable(text: str) -> str:
    """Replace characters that no installed font has, for example 体 by ⟨4F53⟩."""
    _, missing = _fonts_for(frozenset(text))
    spelled = "".join(f"⟨{ord(each):04X}⟩" if each in missing else each for each in text)
    return spelled.replace("⟩⟨", " ")


@cache
def _fonts_for(characters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Return font families that have the characters, and the characters that none has."""
    missing = {each for each in characters - {"\n"} if ord(each) not in _glyphs(FONT)}
    families = [FONT]
    for family in _installed() if missing else ():
        found = {each for each in missing if ord(each) in _glyphs(family)}
        if found:
            families.append(family)
            missing -= found
        if not missing:
            break
    return families, frozenset(missing)


@cache
def _glyphs(family: str) -> frozenset[int]:
    """Return the code points of a font."""
    return frozenset(get_font(_installed()[family]).get_charmap())


@cache
def _installed() -> dict[str, str]:
    """Return the file of each upright font of regular weight by its family, the largest first.

    Of the fonts that come with Matplotlib only `FONT` is used: those for mathematics have other
    characters than they say.
    """
    own, files = matplotlib.get_data_path(), {}
    for font in fontManager.ttflist:
        regular = (font.style, font.stretch) == ("normal", "normal") and font.weight in REGULAR
        if regular and (font.name == FONT or not font.fname.startswith(own)):
            files[font.name] = font.fname
    order = sorted(files, key=lambda name: ("CJK" not in name, "Noto Sans" not in name, name))
    return {name: files[name] for name in order}
