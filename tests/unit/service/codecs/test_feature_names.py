"""Names of features and categories may have any printable character, in every format."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.prediction.delimiters import DELIMITERS
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.blocks import Block, TableRules
from service.codecs.json.parser import InstanceParser
from service.codecs.tabular.csv_reader import CsvReader
from service.codecs.tabular.ndjson import NdjsonReader
from service.problems import Problem

NAMES = st.text(":,{}[]\"\\'; é$a1", min_size=1, max_size=6).filter(
    lambda text: text == text.strip()
)
FORMS = st.sampled_from(["NFC", "NFD"])
Row = dict[str, Any]
Case = tuple[Schema, list[Row]]
Form = Literal["NFC", "NFD"]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return a schema with a number and a category, and rows that fit it."""
    number, category = draw(st.lists(NAMES, min_size=2, max_size=2, unique=True))
    categories = draw(st.lists(NAMES, min_size=2, max_size=3, unique=True))
    features = (
        Feature(name=number, type="integer", minimum=0, maximum=9),
        Feature(name=category, type="category", categories=tuple(categories)),
    )
    schema = Schema(features=features, target=Binary(negative="no", positive="yes"))
    row: st.SearchStrategy[Row] = st.fixed_dictionaries(
        {number: st.integers(0, 9), category: st.sampled_from(categories)},
    )
    return schema, draw(st.lists(row, min_size=1, max_size=4))


def raw(schema: Schema, rows: list[Row]) -> list[list[float]]:
    number, category = schema.features
    return [
        [float(row[number.name]), float(category.categories.index(str(row[category.name])))]
        for row in rows
    ]


def in_form(form: Form, rows: list[Row]) -> list[Row]:
    """Return rows with all names and texts in a normalization form."""
    return [
        {
            unicodedata.normalize(form, name): (
                unicodedata.normalize(form, value) if isinstance(value, str) else value
            )
            for name, value in row.items()
        }
        for row in rows
    ]


def values(blocks: Iterable[Block]) -> list[list[float]]:
    found = list(blocks)
    assert not any(block.errors for block in found)
    return [row for block in found for row in block.values.tolist()]


@given(cases(), st.booleans(), FORMS)
def test_json(case: Case, ascii_only: bool, form: Form) -> None:
    schema, rows = case
    parser, expected = InstanceParser(schema, 10), raw(schema, rows)
    rows = in_form(form, [{name: row[name] for name in schema.names} for row in rows])
    arrays = [list(row.values()) for row in rows]
    for body in ({"instances": rows}, {"instances": arrays}):
        text = json.dumps(body, ensure_ascii=ascii_only).encode()
        assert parser.parse(text).values.tolist() == expected
    single = parser.parse(json.dumps(rows[0], ensure_ascii=ascii_only).encode())
    assert single.values.tolist() == expected[:1]
    with pytest.raises(Problem, match="422"):
        parser.parse(json.dumps({**rows[0], "x:": ":"}).encode())


@given(cases(), FORMS)
def test_ndjson(case: Case, form: Form) -> None:
    schema, rows = case
    reader = NdjsonReader(InstanceParser(schema, 10).rows)
    text = "\n".join(map(json.dumps, in_form(form, rows))).encode()
    assert values([*reader.feed(text), *reader.finish()]) == raw(schema, rows)


@given(cases(), FORMS, st.sampled_from(DELIMITERS))
def test_csv(case: Case, form: Form, delimiter: str) -> None:
    schema, rows = case
    text = io.StringIO()
    writer = csv.DictWriter(text, list(in_form(form, rows)[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(in_form(form, rows))
    reader = CsvReader(TableRules(schema))
    blocks = [*reader.feed(text.getvalue().encode()), *reader.finish()]
    assert values(blocks) == raw(schema, rows)
