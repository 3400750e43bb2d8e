"""Raw values of the texts in a table."""

import math
import unicodedata
from typing import Literal

import pytest

from model.prediction.cells import MARKERS, CellParser, cell_parsers, missing_numbers
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
