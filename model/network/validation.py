"""Checks of the fields of layers, losses and other configurable objects."""

from collections.abc import Sequence

from model.errors import NetworkError


def require_number(place: str, value: object, low: float, high: float) -> None:
    """Check that a value is a number within a range.

    Args:
        place: The value's name, for the error text.
        value: The value; booleans are not numbers.
        low: The smallest valid number.
        high: The largest valid number.

    Raises:
        NetworkError: The value is not a number from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        rule = f"must be a number from {low:g} to {high:g}"
        raise NetworkError(f"{place} {rule}, got {value!r:.80}")


def require_count(place: str, value: object) -> None:
    """Check that a value is an integer from 1 to 10⁹.

    Args:
        place: The value's name, for the error text.
        value: The value; booleans are not integers.

    Raises:
        NetworkError: The value is not such an integer.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**9:
        raise NetworkError(f"{place} must be a positive integer, got {value!r:.80}")


def require_integer(place: str, value: object, low: int, high: int) -> None:
    """Check that a value is an integer within a range.

    Args:
        place: The value's name, for the error text.
        value: The value; booleans are not integers.
        low: The smallest valid integer.
        high: The largest valid integer.

    Raises:
        NetworkError: The value is not an integer from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise NetworkError(f"{place} must be an integer from {low} to {high}, got {value!r:.80}")


def require_choice(place: str, value: object, choices: Sequence[str]) -> None:
    """Check that a value is one of several names.

    Args:
        place: The value's name, for the error text.
        value: The value.
        choices: The valid names.

    Raises:
        NetworkError: The value is not one of the choices.
    """
    if value not in choices:
        raise NetworkError(f"{place} must be one of {', '.join(choices)}, got {value!r:.80}")
