"""Raw values of the texts in a table."""

import math
import unicodedata
from typing import Literal

import pytest

from model.prediction.cells import (
    MARKERS,
    CellParser,
    cell_parsers,
    missing_numbers,
    missing_spellings,
    plain_text,
)
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary

OPTIONAL = Feature(name="x", may_be_missing=True)
REQUIRED = Feature(name="x")
COLOUR = Feature(
    name="x", type="category", categories=("red", "grün", "none", "NA"), may_be_missing=True
)


@pytest.mark.parametrize(
    ("feature", "cell", "value"),
    [
        (REQUIRED, " 1.5 ", 1.5),
        (REQUIRED, "1e3", 1000.0),
        (REQUIRED, "1_000", math.inf),
        (REQUIRED, "1,5", math.inf),
        (REQUIRED, "1,234.5", 1234.5),
        (REQUIRED, " 12 % ", 12.0),
        (REQUIRED, "-nan", math.inf),
        (REQUIRED, "x", math.inf),
        (Feature(name="x", type="boolean"), "TRUE", 1.0),
        (Feature(name="x", type="boolean"), "0", 0.0),
        (Feature(name="x", type="boolean"), "yes", 1.0),
        (Feature(name="x", type="boolean"), "0.0", 0.0),
        (Feature(name="x", type="boolean"), "2", math.inf),
        (COLOUR, "red", 0.0),
        (COLOUR, unicodedata.normalize("NFD", " grün"), 1.0),
        (COLOUR, "Red", math.inf),
    ],
)
def test_cell(feature: Feature, cell: str, value: float) -> None:
    assert CellParser(feature)(cell) == value


@pytest.mark.parametrize("kind", ["number", "integer", "boolean"])
@pytest.mark.parametrize("cell", ["", " ", *MARKERS, " NA "])
def test_markers(kind: Literal["number", "integer", "boolean"], cell: str) -> None:
    assert math.isnan(CellParser(Feature(name="x", type=kind, may_be_missing=True))(cell))
    required = CellParser(Feature(name="x", type=kind))(cell)
    assert math.isnan(required) if not cell.strip() else required == math.inf


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("none", 2.0),
        ("None", math.inf),  # perhaps a category in another case
        ("NA", 3.0),
        ("?", math.nan),
        ("null", math.nan),
        ("", math.nan),
    ],
)
def test_a_category_of_a_feature_is_no_marker(cell: str, value: float) -> None:
    assert str(CellParser(COLOUR)(cell)) == str(value)


@pytest.mark.parametrize("feature", [OPTIONAL, REQUIRED, COLOUR])
@pytest.mark.parametrize("cell", ["-9", "unbekannt", "red"])
def test_missing_values_of_a_recipe(feature: Feature, cell: str) -> None:
    parser = CellParser(feature, ("-9", "unbekannt", "red"))
    assert math.isnan(parser(cell))
    if feature is COLOUR:
        assert math.isnan(parser.category(cell))


@pytest.mark.parametrize("name", ["?", "", " red", "null"])
def test_markers_and_blanks_are_for_tables(name: str) -> None:
    assert CellParser(COLOUR).category(name) == math.inf


def test_a_schema_has_a_parser_for_each_feature() -> None:
    target = Binary(negative="no", positive="yes")
    schema = Schema(features=(REQUIRED, COLOUR.model_copy(update={"name": "c"})), target=target)
    assert [parser("2") for parser in cell_parsers(schema)] == [2.0, math.inf]
    missing = schema.model_copy(update={"missing_values": ("2",)})
    assert all(math.isnan(parser("2")) for parser in cell_parsers(missing))


def test_decimal_mark_of_a_schema() -> None:
    target = Binary(negative="no", positive="yes")
    schema = Schema(features=(REQUIRED,), target=target, decimal=",")
    (parser,) = cell_parsers(schema)
    assert [parser("1,5"), parser("1.234,5"), parser("1.5")] == [1.5, 1234.5, math.inf]
    assert parser.broken_rule("1.5") == "must be a number, written with a decimal comma"
    assert "decimal" not in schema.model_dump()


@pytest.mark.parametrize(
    ("categories", "cell", "value"),
    [
        (("1", "2"), "2.0", 1.0),
        (("1.0", "2.0"), "2", 1.0),
        (("1", "1.0"), "1.00", math.inf),  # of either
        (("1", "1.0"), "1.0", 1.0),
        (("1", "2"), "2.5", math.inf),
        (("false", "true"), "TRUE", 1.0),
        (("False", "True"), "true", 1.0),
        (("true", "True"), "TRUE", math.inf),
        (("2020-01-02", "x"), "2020-01-02 00:00:00", 0.0),
    ],
)
def test_a_category_is_found_by_another_spelling_of_its_value(
    categories: tuple[str, ...], cell: str, value: float
) -> None:
    feature = Feature(name="x", type="category", categories=categories)
    assert CellParser(feature)(cell) == value


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("1.0", "1"),
        ("-3.000", "-3"),
        ("-0.0", "0"),
        ("-0.5", "-0.5"),
        ("1.50", "1.50"),
        (".0", ".0"),
        ("1.0.0", "1.0.0"),
        ("True", "true"),
        ("FALSE", "false"),
        ("Truth", "Truth"),
        ("2020-01-02T00:00:00.000", "2020-01-02"),
        ("2020-01-02 00:00:01", "2020-01-02 00:00:01"),
        ("1" * 100 + ".0", "1" * 100 + ".0"),
        ("", ""),
    ],
)
def test_plain_text(cell: str, plain: str) -> None:
    assert plain_text(cell) == plain


@pytest.mark.parametrize(
    ("cell", "plain"),
    [("1,5", "1.5"), ("2,0", "2"), ("1.234,5", "1234.5"), ("1.5", "1.5"), ("a, b", "a, b")],
)
def test_plain_text_has_a_decimal_point(cell: str, plain: str) -> None:
    assert plain_text(cell, ",") == plain
    category = Feature(name="x", type="category", categories=("other", plain))
    assert CellParser(category, decimal=",")(cell) == 1


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["1", "2.5"], set()),
        (["1", "", "?", "NA", "n/a", "Nan", "-", "."], {"?", "NA", "n/a", "Nan", "-", "."}),
        (["1", "-9"], set()),
        (["-9", "-9"], set()),
        (["1", "x"], None),
        (["?", "NA"], None),
        ([""], None),
        (["5 %", "unknown"], {"unknown"}),
        (["1,5", "#N/A"], None),
    ],
)
def test_missing_spellings(texts: list[str], found: set[str] | None) -> None:
    assert missing_spellings(texts) == (None if found is None else frozenset(found))


def test_missing_spellings_beside_a_decimal_comma() -> None:
    assert missing_spellings(["1,5", "#N/A"], ",") == frozenset({"#N/A"})


def test_missing_numbers() -> None:
    assert missing_numbers(("?", "-9", "99.0", "nan", "inf", "1_0")) == {-9.0, 99.0}


@pytest.mark.parametrize(
    ("feature", "cell", "rule"),
    [
        (REQUIRED, "1,5", "must be a number, written with a decimal point"),
        (REQUIRED, "x", "must be a number"),
        (COLOUR, "1,5", "must be one of red, grün, none, NA or empty"),
    ],
)
def test_broken_rule(feature: Feature, cell: str, rule: str) -> None:
    assert CellParser(feature).broken_rule(cell) == rule


def test_other_texts_are_unknown_categories_where_these_are_accepted() -> None:
    colour = Feature(name="colour", type="category", categories=("red", "1"), unseen="other")
    parser = CellParser(colour, ("none",))
    assert [parser(cell) for cell in ("red", " 1.0 ", "blue", "NA", "Red")] == [0, 1, 2, 2, 2]
    assert math.isnan(parser(""))
    assert math.isnan(parser("none"))
    assert [parser.category(name) for name in ("red", "blue", "")] == [0, 2, 2]
    assert colour.rule == "must be a text"
