"""Numbers as people write them: with groups of digits, a percent sign or a currency."""

import math
import re
from typing import Final, Literal

Decimal = Literal[".", ","]

_BLANKS: Final = " \u00a0\u2009\u202f"
_SIGN: Final = "[-+\u2212]?"  # U+2212 is the minus sign of typesetting
_CURRENCY: Final = "[$€£¥]"
_DECORATED: Final = re.compile(
    rf"(?P<sign>{_SIGN})(?:{_CURRENCY}[{_BLANKS}]?(?P<inner>{_SIGN}))?"
    rf"(?P<digits>[0-9.,](?:[0-9.,'’{_BLANKS}]*[0-9.,])?)(?P<exponent>[eE][-+]?[0-9]+)?"
    rf"(?:[{_BLANKS}]?(?:%|{_CURRENCY}))?"
)
# The same character separates all groups. A group has three digits, the first one one to three.
_GROUPED: Final = {
    mark: re.compile(
        rf"[1-9][0-9]{{0,2}}(?P<separator>[{other}'’{_BLANKS}])[0-9]{{3}}"
        rf"(?:(?P=separator)[0-9]{{3}})*(?:{re.escape(mark)}[0-9]*)?"
    )
    for mark, other in ((".", ","), (",", "."))
}


def parse_number(text: str, decimal: Decimal | None = None) -> float:
    """Return the number that a text spells; infinity if it spells none.

    Beside plain numbers, it reads groups of three digits ("1,234.5", "1 234"), one percent sign
    ("12 %" is 12) and one currency sign ("$5", "5 €").

    Args:
        text: The text, without blanks around it.
        decimal: The decimal mark; the other one separates groups of digits. None if it is not
            stated: then it is a point, but "1,500" is no number, as it may be 1.5 or 1500.
    """
    if decimal != "," or ("," not in text and "." not in text):
        try:
            value = float(text)
        except ValueError:
            pass
        else:
            # float() accepts "nan" and underscores too.
            return math.inf if math.isnan(value) or "_" in text else value
    found = _DECORATED.fullmatch(text)
    digits = None if found is None else _plain_digits(found["digits"], decimal)
    if found is None or digits is None or (found["sign"] and found["inner"]):
        return math.inf
    sign = (found["sign"] or found["inner"] or "").replace("\u2212", "-")
    try:
        return float(sign + digits + (found["exponent"] or ""))
    except ValueError:
        return math.inf


def plain_number(text: str, decimal: Decimal) -> str:
    """Return a text whose number has a decimal point and no groups; other texts as they are.

    Args:
        text: The text, without blanks around it.
        decimal: The decimal mark.
    """
    if math.isinf(parse_number(text, decimal)):
        return text
    found = _DECORATED.fullmatch(text)
    if found is None:
        return text
    digits = _plain_digits(found["digits"], decimal)
    return f"{text[: found.start('digits')]}{digits}{text[found.end('digits') :]}"


def _plain_digits(digits: str, decimal: Decimal | None) -> str | None:
    """Return digits with a decimal point and without groups; None if they have two meanings."""
    grouped = _GROUPED[decimal or "."].fullmatch(digits)
    if grouped is not None:
        has_two_meanings = digits.count(",") == 1 and "." not in digits
        if decimal is None and has_two_meanings:
            return None
        digits = digits.replace(grouped["separator"], "")
    if decimal == ",":
        return None if "." in digits else digits.replace(",", ".")
    return digits
