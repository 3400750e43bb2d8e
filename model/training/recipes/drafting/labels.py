"""The positive one of two labels, by what they mean."""

import re
from typing import Final

_POSITIVE: Final = frozenset(
    "1 abnormal attack bad cancer case cases churn churned dead death deceased default defaulted "
    "died disease diseased event fail failed failure fraud ill infected ja malignant oui pos "
    "positive present recurrence relapse relapsed si sick sí spam success t true tumor tumour "
    "y yes".split()
)
_NEGATIVE: Final = frozenset(
    "-1 0 absent alive benign censored control controls f false good ham healthy n neg negative "
    "nein no non none normal ok survived".split()
)


def positive_by_meaning(labels: tuple[str, str]) -> str | None:
    """Return the label that means yes, a case or an event; None if their words do not say.

    Args:
        labels: Two labels.
    """
    found = [label for label, other in (labels, labels[::-1]) if _is_positive(label, other)]
    return found[0] if len(found) == 1 else None


def _is_positive(label: str, other: str) -> bool:
    """Return whether a label means yes, the other means no, or the other is its negation."""
    word, opposite = _plain(label), _plain(other)
    negations = [f"{prefix}{word}" for prefix in ("no", "not", "non", "without", "un")]
    is_negated = bool(word) and opposite in negations
    return word in _POSITIVE or opposite in _NEGATIVE or is_negated


def _plain(label: str) -> str:
    """Return a label in lower case without blanks and signs; "1" for "1.0", but "-1" as it is."""
    text = re.sub(r"^(-?\d+)\.0+$", r"\1", label.strip().lower())
    return text if text == "-1" else re.sub(r"[\W_]+", "", text)
