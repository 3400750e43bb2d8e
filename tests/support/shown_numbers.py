"""Numbers as the page shows them, computed without the page's code."""

from decimal import ROUND_HALF_UP, Decimal

SPACE = "\u202f"


def percent(share: float, digits: int = 1) -> str:
    """Return a share in percent; shares near 0 and 1 are never shown as 0 or 100 %."""
    smallest = 10 ** -(digits + 2)
    if 0 < share < smallest:
        return f"<{SPACE}{percent(smallest, digits)}"
    if 1 - smallest < share < 1:
        return f">{SPACE}{percent(1 - smallest, digits)}"
    return f"{_fixed(100 * share, digits)}{SPACE}%"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points."""
    shown = _fixed(100 * abs(difference), 1)
    if float(shown) == 0:
        return "0.0"
    return f"{'−' if difference < 0 else '+'}{shown}"


def number(value: float, digits: int) -> str:
    """Return a number with at most so many significant digits, and commas between thousands."""
    exact = Decimal(repr(value))
    if not exact:
        return "0"
    places = digits - 1 - exact.adjusted()
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{rounded:,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign."""
    return f"+{number(value, digits)}" if value > 0 else number(value, digits)


def _fixed(value: float, digits: int) -> str:
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
