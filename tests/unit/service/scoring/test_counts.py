"""Counts of parts: sums, and JSON."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import DataError
from service.scoring.counts import Counts

NUMBERS = st.integers(0, 2**53)
KEYS = st.tuples(st.sampled_from(["feature", "label"]), st.text(), st.integers(0, 999))
COUNTS = st.builds(
    Counts,
    rows=NUMBERS,
    predicted=NUMBERS,
    labels=st.dictionaries(st.text(), NUMBERS),
    bytes=NUMBERS,
    sha256=st.text(),
    bins=st.dictionaries(KEYS, st.integers(1, 2**53)).map(Counter),
)


@given(COUNTS)
def test_json(counts: Counts) -> None:
    assert Counts.from_json(counts.to_json()) == counts


def test_sums() -> None:
    first = Counts(3, 2, {"a": 2}, 10, "x", Counter({("feature", "f", 1): 2}))
    second = Counts(1, 1, {"b": 1}, 5, "y", Counter({("feature", "f", 1): 1}))
    assert Counts.merged([first, second]) == Counts(
        4, 3, {"a": 2, "b": 1}, 15, "", Counter({("feature", "f", 1): 3})
    )
    assert Counts.merged([first, second]).marked == 1
    assert Counts.merged([]) == Counts()


@pytest.mark.parametrize(
    "change", [{"rows": "x"}, {"bins": [1]}, {"bins": {"a": {"b": {"c": 1}}}}, {"labels": None}]
)
def test_content_that_is_none(change: Any) -> None:
    for content in (None, {}, {**Counts().to_json(), **change}):
        with pytest.raises(DataError, match="the counts of a part cannot be read"):
            Counts.from_json(content)
