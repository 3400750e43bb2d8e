"""CSV in and out: what /predict makes of it, and that JSON and the offline program agree."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from model.predictor import PIECE_ROWS, Predictor
from model.scoring import score_file
from service.app import create_app
from service.problems import Problem
from service.settings import Settings
from service.tables.csv_table import CsvReader, CsvWriter
from service.tables.lines import MAX_LINE_BYTES
from service.tables.rows import Block, Scored

pytestmark = pytest.mark.anyio

NAMES = (
    "clump_thickness uniformity_of_cell_size uniformity_of_cell_shape marginal_adhesion "
    "single_epithelial_cell_size bare_nuclei bland_chromatin normal_nucleoli mitoses"
).split()
HEADER = ",".join(NAMES)
BENIGN = "5,1,1,1,2,1,3,1,1"
CSV = {"Content-Type": "text/csv"}


async def post(client: httpx.AsyncClient, body: str | bytes, query: str = "") -> httpx.Response:
    return await client.post(f"/predict{query}", content=body, headers=CSV)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


async def test_a_row_a_line(client: httpx.AsyncClient) -> None:
    answer = await post(client, f"{HEADER}\n{BENIGN}\n{BENIGN}\n", "?threshold=0")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv"
    assert int(answer.headers["content-length"]) == len(answer.content)
    header, *rows = rows_of(answer.text)
    assert header == ["probability", "label"]
    values = dict(zip(NAMES, map(int, BENIGN.split(",")), strict=True))
    json_answer = (await client.post("/predict", json={"instances": [values] * 2})).json()
    assert [float(each[0]) for each in rows] == [
        each["probability"] for each in json_answer["predictions"]
    ]
    assert [each[1] for each in rows] == ["malignant"] * 2


SAME = {
    "CRLF": f"{HEADER}\r\n{BENIGN}\r\n{BENIGN}\r\n",
    "CR": f"{HEADER}\r{BENIGN}\r{BENIGN}\r",
    "no last newline": f"{HEADER}\n{BENIGN}\n{BENIGN}",
    "a byte order mark": f"\ufeff{HEADER}\n{BENIGN}\n{BENIGN}\n",
    "blank lines": f"\n\r\n{HEADER}\n\n{BENIGN}\n\n\n{BENIGN}\n\n",
    "quotes": f'"{HEADER}"\n"{BENIGN}"\n"{BENIGN}"'.replace(",", '","'),
    "a line break in quotes": f'{HEADER}\n{BENIGN}\n"5\n\n"{BENIGN[1:]}\n',
    "blanks": f"{HEADER}\n{BENIGN}\n{BENIGN}\n".replace(",", " ,\t"),
    "other spellings": f"{HEADER}\n{BENIGN}\n{BENIGN}\n".replace("\n5,", "\n+0.5e1,"),
}


@pytest.mark.parametrize("body", SAME.values(), ids=list(SAME))
async def test_the_same_table_in_other_words(client: httpx.AsyncClient, body: str) -> None:
    plain = await post(client, f"{HEADER}\n{BENIGN}\n{BENIGN}\n")
    answer = await post(client, body)
    assert (answer.status_code, answer.text) == (200, plain.text)


async def test_columns_in_any_order_and_missing_ones(client: httpx.AsyncClient) -> None:
    expected = await post(client, f"{HEADER}\n5,1,1,1,2,,3,1,1\n")
    cells = dict(zip(NAMES, BENIGN.split(","), strict=True))
    del cells["bare_nuclei"]
    names = sorted(cells)
    other = f"{','.join(names)}\n{','.join(cells[name] for name in names)}\n"
    assert (await post(client, other)).text == expected.text


@pytest.mark.parametrize(
    ("header", "field", "rule"),
    [
        (f"{HEADER},weight", "weight", "is not a feature of this model"),
        (f"{HEADER},", "header", "is not a feature of this model"),
        (f"{HEADER},mitoses", "mitoses", "is given twice"),
        (HEADER.removesuffix(",mitoses"), "mitoses", "is required"),
        (",".join(f"c{n}" for n in range(10_001)), "header", "must have at most 10000 columns"),
    ],
)
@pytest.mark.parametrize("query", ["", "?on_error=mark"])
async def test_a_header_that_does_not_fit(
    client: httpx.AsyncClient, header: str, field: str, rule: str, query: str
) -> None:
    answer = await post(client, f"{header}\n{BENIGN}\n", query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0] == {"field": field, "rule": rule}


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (BENIGN[:-1] + "11", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1], "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + "1.5", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + "nan", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + "inf", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + "1_0", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + "true", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + '1"', "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN[:-1] + "\x00", "rows.1.mitoses", "must be an integer from 1 to 10"),
        (BENIGN + ",1", "rows.1", "must have 9 cells"),
        ("5", "rows.1", "must have 9 cells"),
        (" ", "rows.1", "must have 9 cells"),
    ],
)
async def test_a_bad_row_is_named_or_marked(
    client: httpx.AsyncClient, row: str, field: str, rule: str
) -> None:
    body = f"{HEADER}\n\n{BENIGN}\n{row}\n{BENIGN}\n"
    refused = await post(client, body)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": field, "rule": rule}]
    marked = await post(client, body, "?on_error=mark")
    assert marked.status_code == 200
    header, first, bad, last = rows_of(marked.text)
    assert header == ["probability", "label", "error"]
    good = rows_of((await post(client, f"{HEADER}\n{BENIGN}\n{BENIGN}\n")).text)[1]
    assert first == last == [*good, ""]
    named = field.removeprefix("rows.1").removeprefix(".") or "row"
    assert bad == ["", "", f"{named} {rule}"]


async def test_at_most_ten_errors(client: httpx.AsyncClient) -> None:
    body = f"{HEADER}\n" + "0,0,0,0,1,1,1,1,1\n" * 5
    errors = (await post(client, body)).json()["errors"]
    fields = [f"rows.{row}.{name}" for row in range(5) for name in NAMES[:4]]
    assert [each["field"] for each in errors] == fields[:10]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 422, None),
        (b"\n\n", 422, None),
        (HEADER.encode(), 422, None),
        (f"{HEADER}\n\n".encode(), 422, None),
        (f"{HEADER}\n".encode() + b"\xff", 400, "it is not UTF-8 text"),
        (f"{HEADER}\n{BENIGN}\n".encode("utf-16"), 400, "it is not UTF-8 text"),
        (f'{HEADER}\n{BENIGN}\n"5'.encode(), 400, "a quoted cell is not closed"),
        (f'{HEADER}\n"5"5,{BENIGN}\n'.encode(), 400, "a quoted cell is not closed"),
        (f"{HEADER}\n{BENIGN}{' ' * MAX_LINE_BYTES}\n".encode(), 413, "A line must have"),
        (f'{HEADER}\n"'.encode() + b"1\n" * MAX_LINE_BYTES, 413, "A row must have"),
    ],
)
@pytest.mark.parametrize("query", ["", "?on_error=mark"])
async def test_what_is_no_table(
    client: httpx.AsyncClient, body: bytes, status: int, detail: str | None, query: str
) -> None:
    answer = await post(client, body, query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if detail is None:
        assert [each["rule"] for each in answer.json()["errors"]] in (
            ["is required"],
            ["must have at least one row"],
        )
    else:
        assert detail in answer.json()["detail"]


async def test_on_error_is_for_tables_only(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict?on_error=mark", json={})
    assert answer.json()["errors"] == [{"field": "query", "rule": "may only hold threshold"}]
    for query, field, rule in [
        ("?on_error=skip", "on_error", "must be refuse or mark"),
        ("?on_error=mark&on_error=mark", "on_error", "must be given once"),
        ("?mark=1", "query", "may only hold threshold and on_error"),
    ]:
        answer = await post(client, f"{HEADER}\n{BENIGN}\n", query)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "rule": rule}]


@pytest.fixture
async def kinds_client(kinds: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), kinds))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


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
    assert header == list(expected)
    columns = [list(map(str, column.tolist())) for column in expected.values()]
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
    lines = [",".join(map(str, row)) for row in made_rows(3 * PIECE_ROWS + 17)]
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
    writer = CsvWriter(predictor.schema.target, 0.5, mark=False)
    column = np.array(values)[:, None]
    text = writer.rows(Scored(Block(column), column, None)).decode()
    assert [row[0] for row in rows_of(text)] == list(map(repr, values))


LINES = [BENIGN, "", "1,1,1,1,1,,1,1,1", '"1",1,1,1,1,1,1,1,1', "0,1,1,1,1,1,1,1,1", "1,2", "é"]
LINES += [f'"5\n"{BENIGN[1:]}', '5",1,1,1,1,1,1,1,1', f'"5""",{BENIGN[2:]}']


def read_in_pieces(body: bytes, cuts: list[int], predictor: Predictor) -> list[Any]:
    reader = CsvReader(predictor.schema)
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


NOISE = st.lists(
    st.sampled_from([*HEADER.split("_"), HEADER, BENIGN, *'", \n \r 1 5 \x00 \xff é 31337'.split()])
).map(lambda each: f"{HEADER}\n{''.join(each)}".encode("latin-1"))


@given(body=st.binary(max_size=100) | NOISE, query=st.sampled_from(["", "?on_error=mark"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_bytes_are_answered_or_refused(
    client: httpx.AsyncClient, body: bytes, query: str
) -> None:
    answer = await client.post(
        f"/predict{query}", content=body, headers={**CSV, "X-Request-ID": "any"}
    )
    assert answer.status_code in {200, 400, 413, 422}
    assert "31337" not in answer.text


async def test_a_stream_may_be_larger_than_a_json_body(predictor: Predictor) -> None:
    app: FastAPI = create_app(Settings(max_body_bytes=1000, max_stream_bytes=20_000), predictor)
    body = (f"{HEADER}\n" + f"{BENIGN}\n" * 1000).encode()
    transport = httpx.ASGITransport(app=app)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 777):
            yield body[start : start + 777]

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await post(client, body)).status_code == 200
        assert len((await client.post("/predict", content=pieces(), headers=CSV)).content) > 10_000
        body += b" " * 20_000
        for content in (body, pieces()):
            answer = await client.post("/predict", content=content, headers=CSV)
            assert answer.json()["detail"] == "The body must have at most 20000 bytes."
