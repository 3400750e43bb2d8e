"""Preference of media types by an Accept header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codecs.accept import Accept


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", (0.0, 0)),
        ("text/csv", (0.0, 0)),
        ("*/*", (1.0, 0)),
        ("text/*;q=0.5, */*", (0.5, 1)),
        ("text/plain;q=0.2, text/*;q=0.5", (0.2, 2)),
        ('TEXT/PLAIN ; Q="0.2"', (0.2, 2)),
        ("text/plain;q=0, */*", (0.0, 0)),
        ("text/plain;q=0.1, text/plain;q=0.3", (0.3, 2)),
        ("text/plain;version=9", (0.0, 0)),
        ("text/plain;version=1.0;q=0.4", (0.4, 2)),
    ],
)
def test_the_most_specific_range_decides(header: str, expected: tuple[float, int]) -> None:
    assert Accept(header).preference("text/plain", ("1.0",)) == expected


@pytest.mark.parametrize("weight", ["many", "nan", "", "-1", "1.5", "inf"])
def test_a_malformed_weight_is_1(weight: str) -> None:
    assert Accept(f"text/plain;q={weight}").preference("text/plain") == (1.0, 2)


@given(st.text())
def test_any_header_gives_a_weight(header: str) -> None:
    weight, specificity = Accept(header).preference("text/plain")
    assert 0 <= weight <= 1
    assert specificity in (0, 1, 2)
