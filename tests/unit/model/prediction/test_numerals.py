"""Numbers as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.prediction.numerals import Decimal, parse_number, plain_number

NONE = math.inf


@pytest.mark.parametrize(
    ("text", "with_point", "with_comma"),
    [
        ("5", 5, 5),
        ("-5e3", -5000, -5000),
        ("1.5", 1.5, NONE),
        ("1,5", NONE, 1.5),
        ("1,5e-1", NONE, 0.15),
        ("1,234", 1234, 1.234),
        ("1.234", 1.234, 1234),
        ("0,123", NONE, 0.123),  # no group begins with 0
        ("12,34", NONE, 12.34),
        ("1,2345", NONE, 1.2345),
        ("1234,567", NONE, 1234.567),
        ("1,234,567.89", 1234567.89, NONE),
        ("1.234.567,89", NONE, 1234567.89),
        ("1,234.567,8", NONE, NONE),
        ("1 234", 1234, 1234),
        ("1\u202f234\u202f567", 1234567, 1234567),
        ("1'234.5", 1234.5, NONE),
        ("1 234'567", NONE, NONE),  # two separators
        ("12 34", NONE, NONE),
        ("12 %", 12, 12),
        ("12%", 12, 12),
        ("12%%", NONE, NONE),
        ("$5", 5, 5),
        ("-$5", -5, -5),
        ("$-5", -5, -5),
        ("-$-5", NONE, NONE),
        ("€ 5", 5, 5),
        ("5 €", 5, 5),
        ("$1,234.50", 1234.5, NONE),
        ("1.234,50 €", NONE, 1234.5),
        ("\u22125", -5, -5),
        ("$", NONE, NONE),
        ("%", NONE, NONE),
        (".", NONE, NONE),
        (",", NONE, NONE),
        ("", NONE, NONE),
        ("1_000", NONE, NONE),
        ("nan", NONE, NONE),
        ("0x5", NONE, NONE),
        ("1/2", NONE, NONE),
        ("2020-01-02", NONE, NONE),
        ("1.2.2020", NONE, NONE),
    ],
)
def test_text(text: str, with_point: float, with_comma: float) -> None:
    assert parse_number(text, ".") == with_point
    assert parse_number(text, ",") == with_comma
    if text != "1,234":
        assert parse_number(text) == with_point


@pytest.mark.parametrize("text", ["1,234", "-1,234", "12,345 %", "$1,234"])
def test_two_meanings_are_none_unless_the_mark_is_stated(text: str) -> None:
    assert parse_number(text) == NONE
    assert parse_number(text, ".") == 1000 * parse_number(text, ",")


@pytest.mark.parametrize(
    ("text", "with_point", "with_comma"),
    [
        ("1,234.50", "1234.50", "1,234.50"),
        ("1.234,50 €", "1.234,50 €", "1234.50 €"),
        ("-$1,234", "-$1234", "-$1.234"),
        ("1,5", "1,5", "1.5"),
        ("1.5", "1.5", "1.5"),
        ("-1e5", "-1e5", "-1e5"),
        ("x, y", "x, y", "x, y"),
        ("", "", ""),
    ],
)
def test_plain_number(text: str, with_point: str, with_comma: str) -> None:
    assert plain_number(text, ".") == with_point
    assert plain_number(text, ",") == with_comma


@given(st.floats(-1e15, 1e15), st.sampled_from([",", " ", "\u00a0", "'"]))
def test_groups_are_read_exactly(value: float, separator: str) -> None:
    text = f"{value:,}" if "e" not in repr(value) else repr(value)
    assert parse_number(text.replace(",", separator), ".") == value
    swapped = text.translate(str.maketrans(",.", ".,"))
    assert parse_number(swapped, ",") == value


@given(st.text("0123456789.,'%$€ -+eE_\u2212\u00a0", max_size=12), st.sampled_from([".", ","]))
def test_every_text_is_a_number_or_none(text: str, decimal: Decimal) -> None:
    value = parse_number(text.strip(), decimal)
    assert not math.isnan(value)
    plain = plain_number(text.strip(), decimal)
    assert parse_number(plain) == value if value != NONE else plain == text.strip()
    if decimal == ",":
        swapped = text.strip().translate(str.maketrans(",.", ".,"))
        assert value == parse_number(swapped, ".") or NONE in (value, parse_number(swapped, "."))


def test_a_long_text_takes_linear_time() -> None:
    assert parse_number("1" + ",000" * 100_000 + "x") == NONE
