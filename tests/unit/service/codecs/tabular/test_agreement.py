"""CSV, JSON and the offline program agree on every row, however a body is split."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from model.errors import DataError
from model.pipelines.score_file import score_file
from model.prediction.cells import MARKERS, CellParser
from model.prediction.delimiters import DELIMITERS
from model.prediction.numerals import Decimal
from model.prediction.predictor import PIECE_ROWS, Predictor
from model.prediction.row_facts import RowFacts
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.training.tables.columns import read_rows
from model.training.tables.readers import read_chunks
from service.codecs.answer_facts import AnswerFacts
from service.codecs.blocks import Block, ScoredBlock, TableRules
from service.codecs.tabular.columns import MAX_CACHED_CELLS
from service.codecs.tabular.csv_reader import CsvReader
from service.codecs.tabular.csv_writer import CsvWriter
from service.problems import Problem

pytestmark = pytest.mark.anyio

HEADER = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses"
)
BENIGN = "5,1,1,1,2,1,3,1,1"
CSV = {"Content-Type": "text/csv"}


async def post(client: httpx.AsyncClient, body: str) -> httpx.Response:
    return await client.post("/predict", content=body, headers=CSV)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


KINDS_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "size": st.floats(0, 1e6).map(abs) | st.integers(0, 9),
            "colour": st.sampled_from(["red", "dark blue", "grün", None]),
            "smokes": st.booleans() | st.none(),
            "score": st.integers(1, 10),
        }
    ),
    min_size=1,
    max_size=30,
)


@given(rows=KINDS_ROWS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
async def test_csv_and_json_answer_alike(
    kinds_client: httpx.AsyncClient, kinds: Predictor, rows: list[dict[str, Any]]
) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    answer = await post(kinds_client, text.getvalue())
    assert answer.status_code == 200
    header, *cells = rows_of(answer.text)
    features = kinds.schema.features
    values = [[_number(each.categories, row[each.name]) for each in features] for row in rows]
    predictions = kinds.predict(np.array(values, dtype=float))
    expected = kinds.schema.target.columns(predictions, 0.5)
    assert header == [*expected, "imputed"]
    columns = [list(map(str, column.tolist())) for column in expected.values()]
    optional = [feature.name for feature in features if feature.may_be_missing]
    columns.append([";".join(name for name in optional if row[name] is None) for row in rows])
    assert cells == [list(row) for row in zip(*columns, strict=True)]
    as_json = await kinds_client.post(
        "/predict", content=text.getvalue(), headers={**CSV, "Accept": "application/json"}
    )
    assert as_json.json() == (await kinds_client.post("/predict", json={"instances": rows})).json()
    back = {"Accept": "text/csv"}
    from_json = await kinds_client.post("/predict", json={"instances": rows}, headers=back)
    assert from_json.text == answer.text


def _number(categories: tuple[str, ...], value: Any) -> Any:
    return categories.index(value) if isinstance(value, str) else value


def made_rows(count: int) -> Any:
    return np.random.default_rng(0).integers(1, 11, (count, 9)).tolist()


async def test_the_offline_program_has_the_same_digits(
    client: httpx.AsyncClient, predictor: Predictor, tmp_path: Path
) -> None:
    lines = [",".join(map(str, row)) for row in made_rows(5 * PIECE_ROWS + 17)]
    body = "\n".join([HEADER, *lines]) + "\n"
    (tmp_path / "rows.csv").write_text(body)
    score_file(predictor, tmp_path / "rows.csv", tmp_path / "scored.csv", 0.5)
    offline = (tmp_path / "scored.csv").read_text().splitlines()
    answer = await post(client, body)
    assert answer.text.splitlines() == [line.split(",", 9)[9] for line in offline]


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0, 0.1, 1e-4, 9.999e-5, 1e-5, 1.5e-7, 5e-324, 0.5],
        [1e15, 1e16, 123456789012345680.0, -1e-5, -0.0, 1.7976931348623157e308],
    ],
)
def test_numbers_are_written_as_the_csv_module_does(
    values: list[float], predictor: Predictor
) -> None:
    _check_digits(values, predictor)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_numbers_are(predictor: Predictor, values: list[float]) -> None:
    _check_digits(values, predictor)


def _check_digits(values: list[float], predictor: Predictor) -> None:
    writer = CsvWriter(
        predictor.schema.target, 0.5, AnswerFacts({}, RowFacts(predictor.schema)), mark=False
    )
    column = np.array(values)[:, None]
    text = writer.rows(ScoredBlock(Block(column), column, None)).decode()
    assert [row[0] for row in rows_of(text)] == list(map(repr, values))


LINES = [BENIGN, "", "1,1,1,1,1,,1,1,1", '"1",1,1,1,1,1,1,1,1', "0,1,1,1,1,1,1,1,1", "1,2", "é"]
LINES += [f'"5\n"{BENIGN[1:]}', '5",1,1,1,1,1,1,1,1', f'"5""",{BENIGN[2:]}']


def read_in_pieces(body: bytes, cuts: list[int], predictor: Predictor) -> list[Any]:
    reader = CsvReader(TableRules(predictor.schema))
    found: list[Any] = []
    ends = [*sorted(cuts), len(body)]
    try:
        blocks = [
            block
            for start, end in zip([0, *ends], ends, strict=False)
            for block in reader.feed(body[start:end])
        ]
        for block in [*blocks, *reader.finish()]:
            for row, values in enumerate(block.values.tolist()):
                found.append(block.errors.get(row) or json.dumps(values))
    except Problem as problem:
        return [problem.status]
    return found


@given(
    st.lists(st.sampled_from(LINES), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 400), max_size=12),
)
@example(['5",1,1,1,1,1,1,1,1', f'"5\n"{BENIGN[1:]}'], "\r\n", [110])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_it_is_cut_does_not_matter(
    predictor: Predictor, lines: list[str], end: str, cuts: list[int]
) -> None:
    body = end.join([HEADER, *lines]).encode()
    whole = read_in_pieces(body, [], predictor)
    assert read_in_pieces(body, [min(cut, len(body)) for cut in cuts], predictor) == whole
    expected = [row for row in csv.reader(io.StringIO(body.decode(), newline="")) if row][1:]
    assert len(whole) == len(expected)
    for found, row in zip(whole, expected, strict=True):
        assert isinstance(found, str) == (
            len(row) == 9 and all(c.strip() in {*"1235", ""} for c in row)
        )


NUMBERS = st.sampled_from(
    ["1", "0.5", "-9", "1e3", "1,5", "1,500", "1.500,5", "5 %", "1_0", "-nan", "NAN", "inf", "x"]
)
TEXTS = st.sampled_from(["red", "RED", "grün", "gru\u0308n", "dark blue", "none", "unbekannt"])
CELLS = NUMBERS | TEXTS | st.sampled_from([*MARKERS, "", " ", "true", "FALSE", "0", "Yes", "0.0"])
DECIMALS = st.sampled_from([None, ".", ","])
MISSING_VALUES = st.sampled_from([(), ("-9", "unbekannt")])
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=4)


def schema_of(
    may_be_missing: bool, missing_values: tuple[str, ...], decimal: Decimal | None = None
) -> Schema:
    features = (
        Feature(name="size", minimum=0, may_be_missing=may_be_missing),
        Feature(
            name="colour",
            type="category",
            categories=("red", "dark blue", "grün"),
            may_be_missing=may_be_missing,
        ),
        Feature(name="smokes", type="boolean", may_be_missing=may_be_missing),
        Feature(name="score", type="integer", may_be_missing=may_be_missing),
    )
    target = Binary(negative="no", positive="yes")
    cell_rules: dict[str, Any] = {"missing_values": missing_values, "decimal": decimal}
    return Schema(features=features, target=target, **cell_rules)


def read_offline(frame: pd.DataFrame, schema: Schema) -> list[str]:
    """Return the values of each row, or its error."""
    found = []
    for place in range(len(frame)):
        row = frame[place : place + 1]
        try:
            values = read_rows(row, schema.features, schema.missing_values, decimal=schema.decimal)
            found.append(json.dumps(values.tolist()[0]))
        except DataError as error:
            found.append(str(error).partition(", ")[2])
    return found


@given(
    TABLES,
    st.sampled_from(DELIMITERS),
    st.builds(schema_of, st.booleans(), MISSING_VALUES, DECIMALS),
)
def test_cells_are_those_of_the_offline_program(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, ...]],
    delimiter: str,
    schema: Schema,
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([schema.names, *rows])
    body = text.getvalue().encode()
    path = tmp_path_factory.getbasetemp() / "agreement.csv"
    path.write_bytes(body)
    (frame,) = read_chunks(path, names=schema.names)
    reader = CsvReader(TableRules(schema))
    served = []
    for block in [*reader.feed(body), *reader.finish()]:
        for row, values in enumerate(block.values.tolist()):
            first = block.errors.get(row, [None])[0]
            rule = first and f"column {first['field']!r}: {first['rule']}"
            served.append(rule or json.dumps(values))
    assert served == read_offline(frame, schema)


@pytest.mark.parametrize("decimal", [None, ","])
@pytest.mark.parametrize(
    "texts",
    [
        ["NA", "", " nan", "NaN", "?", "null", "None", "N/A", " 5 ", "1e3"],
        ["Infinity", "-1e999"] * 5,
    ],
)
def test_many_distinct_numbers_with_markers(texts: list[str], decimal: Decimal | None) -> None:
    schema = schema_of(True, ("Infinity", "-1e999"), decimal)
    numbers = [f"{number / 7:.6f}" for number in range(3 * MAX_CACHED_CELLS)]
    numbers[-100::10] = texts
    if decimal == ",":
        numbers = [each.replace(".", ",") for each in numbers]
    reader = CsvReader(TableRules(schema))
    body = "\n".join(["size;score", *(f"{each};1" for each in numbers), ""]).encode()
    pieces = [body[start : start + 2**15] for start in range(0, len(body), 2**15)]
    blocks = [*(block for piece in pieces for block in reader.feed(piece)), *reader.finish()]
    assert not any(block.errors for block in blocks)
    found = np.concatenate([block.values for block in blocks])[:, 0]
    parse = CellParser(schema.features[0], schema.missing_values, decimal)
    np.testing.assert_array_equal(found, [parse(each) for each in numbers])
