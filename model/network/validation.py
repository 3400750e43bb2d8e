"""Checks of a layer's or loss's fields."""

from collections.abc import Sequence

from model.errors import NetworkError


def require_number(place: str, value: object, low: float, high: float) -> None:
    """Raise NetworkError that names the place unless low ≤ value ≤ high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        rule = f"must be a number from {low:g} to {high:g}"
        raise NetworkError(f"{place} {rule}, got {value!r:.80}")


def require_count(place: str, value: object) -> None:
    """Raise NetworkError that names the place unless value is a whole number above 0, and sane."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**9:
        raise NetworkError(f"{place} must be a positive integer, got {value!r:.80}")


def require_integer(place: str, value: object, low: int, high: int) -> None:
    """Raise NetworkError that names the place unless value is an integer, low ≤ value ≤ high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise NetworkError(f"{place} must be an integer from {low} to {high}, got {value!r:.80}")


def require_choice(place: str, value: object, choices: Sequence[str]) -> None:
    """Raise NetworkError that names the place unless value is one of the choices."""
    if value not in choices:
        raise NetworkError(f"{place} must be one of {', '.join(choices)}, got {value!r:.80}")
