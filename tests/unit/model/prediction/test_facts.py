"""Numbers that an artifact can state."""

import math

from model.prediction.facts import check_facts, within_limits


def test_numbers_beyond_the_limits_become_the_nearest_and_nan_none() -> None:
    facts = {"a": [1.5, math.inf, {"b": -1e300}], "c": math.nan, "d": "text", "e": 7, "f": True}
    found = within_limits(facts)
    assert found == {
        "a": [1.5, 2.0**63, {"b": -(2.0**63)}],
        "c": None,
        "d": "text",
        "e": 7,
        "f": True,
    }
    check_facts({"notices": [], "other": found})
