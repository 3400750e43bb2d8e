"""NDJSON: each line is parsed like one instance in JSON."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.prediction.predictor import PIECE_ROWS, Predictor
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.app import create_app
from service.codecs.extra import NOT_IN_FIRST
from service.codecs.json.rows import FINITE, RowDecoder
from service.codecs.tabular.line_buffer import MAX_LINE_BYTES
from service.codecs.tabular.ndjson import NdjsonReader
from service.settings import Settings

pytestmark = pytest.mark.anyio

NAMES = (
    "clump_thickness uniformity_of_cell_size uniformity_of_cell_shape marginal_adhesion "
    "single_epithelial_cell_size bare_nuclei bland_chromatin normal_nucleoli mitoses"
).split()
BENIGN: dict[str, Any] = dict(zip(NAMES, (5, 1, 1, 1, 2, 1, 3, 1, 1), strict=True))
ABSENT = {name: value for name, value in BENIGN.items() if name != "bare_nuclei"}
ARRAY = list(BENIGN.values())
NDJSON = {"Content-Type": "application/x-ndjson"}
RULE = "must be an integer from 1 to 10"
NO_ROW = "must be a JSON object or array"


def lines_of(rows: list[Any]) -> str:
    return "".join(row if isinstance(row, str) else f"{json.dumps(row)}\n" for row in rows)


async def post(client: httpx.AsyncClient, rows: list[Any], query: str = "") -> httpx.Response:
    return await client.post(f"/predict{query}", content=lines_of(rows), headers=NDJSON)


def answers_of(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


async def predictions_of(client: httpx.AsyncClient, rows: list[Any]) -> Any:
    answer = (await client.post("/predict", json={"instances": rows})).json()
    return [
        row | {name: answer[name] for name in ("threshold", "model")}
        for row in answer["predictions"]
    ]


@pytest.mark.parametrize("row", [BENIGN, ARRAY])
async def test_a_row_a_line(client: httpx.AsyncClient, row: Any) -> None:
    rows = [row] * (PIECE_ROWS + 3)
    answers = answers_of(await post(client, rows))
    assert len(answers) == len(rows)
    expected = await predictions_of(client, [row])
    assert answers[-1]["label"] == expected[0]["label"]
    assert answers[-1]["probability"] == pytest.approx(expected[0]["probability"], rel=1e-9)


async def test_objects_and_arrays_blanks_and_blank_lines(client: httpx.AsyncClient) -> None:
    null = {**BENIGN, "bare_nuclei": None}
    expected = await predictions_of(client, [BENIGN, ABSENT, null, BENIGN])
    assert expected[1]["imputed"] == ["bare_nuclei"]
    rows = ["\n", "  ", BENIGN, " \t\r\n", ABSENT, "\r\n", null, json.dumps(ARRAY)]
    assert answers_of(await post(client, rows)) == expected


async def test_json_for_the_same_rows(client: httpx.AsyncClient, predictor: Predictor) -> None:
    headers = {**NDJSON, "Accept": "application/json"}
    rows = [BENIGN] * (2 * PIECE_ROWS + 1)
    answer = await client.post("/predict", content=lines_of(rows), headers=headers)
    assert list(answer.json()) == ["predictions", "threshold", "model"]
    assert answer.json()["model"] == predictor.title
    assert len(answer.json()["predictions"]) == len(rows)
    one = await client.post("/predict", json=BENIGN, headers={"Accept": "application/x-ndjson"})
    assert answers_of(one) == await predictions_of(client, [BENIGN])


BAD: list[tuple[Any, str, str]] = [
    ({**BENIGN, "mitoses": 11}, ".mitoses", RULE),
    ({**BENIGN, "mitoses": "1"}, ".mitoses", RULE),
    ({**BENIGN, "label": 1}, ".label", "is a name that the answer uses: rename it"),
    (json.dumps({**BENIGN, "id": 1})[:-2] + "9e999}\n", ".id", FINITE),
    (json.dumps({**BENIGN, "id": 1})[:-1] + ', "id": 2}\n', ".id", "is given twice"),
    ({"mitoses": 1}, ".clump_thickness", "is required"),
    ([1, 2], "", "must have 9 values"),
    ([*ARRAY[:8], True], ".mitoses", RULE),
    ("null\n", "", NO_ROW),
    ("5\n", "", NO_ROW),
    ("{\n", "", NO_ROW),
    ("\ufeff[5,1,1,1,2,1,3,1,1]\n", "", NO_ROW),
    (f"{json.dumps(ARRAY)},{json.dumps(ARRAY)}\n", "", NO_ROW),
    (f'{json.dumps(BENIGN)}],"instances":[{json.dumps(BENIGN)}\n', "", NO_ROW),
    (json.dumps(BENIGN).replace("{", '{"mitoses": 1,') + "\n", ".mitoses", "is given twice"),
]


@pytest.mark.parametrize(("row", "field", "rule"), BAD)
@pytest.mark.parametrize("good", [BENIGN, ARRAY])
async def test_a_bad_line_is_named_or_marked(
    client: httpx.AsyncClient, row: Any, field: str, rule: str, good: Any
) -> None:
    rows = [good, "\n", row, good]
    refused = await post(client, rows)
    assert refused.status_code == 422
    assert refused.json()["errors"][0] == {"field": f"rows.1{field}", "rule": rule}
    first, bad, last = answers_of(await post(client, rows, "?on_error=mark"))
    assert [first, last] == await predictions_of(client, [good, good])
    assert bad["errors"][0] == {"field": field.removeprefix(".") or "row", "rule": rule}


async def test_rows_cut_across_lines_are_none(client: httpx.AsyncClient) -> None:
    one, two = json.dumps(ARRAY)[:-1], json.dumps(ARRAY)
    rows = [f"{one}\n", f"],{two}\n"]
    assert (await post(client, rows)).status_code == 422


async def test_csv_marks_lines_too(client: httpx.AsyncClient) -> None:
    headers = {**NDJSON, "Accept": "text/csv"}
    rows = lines_of([BENIGN, {**BENIGN, "mitoses": 11, "weight, in kg": 1}])
    answer = await client.post("/predict?on_error=mark", content=rows, headers=headers)
    header, _, bad = answer.text.splitlines()
    assert header == "probability,label,imputed,error"
    assert bad == f',,,"mitoses {RULE}; weight, in kg {NOT_IN_FIRST}"'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"\n \n", 200),
        (b" " * (MAX_LINE_BYTES + 1), 413),
        (b"[" * MAX_LINE_BYTES, 422),
        (b"\xff\n", 422),
    ],
)
async def test_what_has_no_rows(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    answer = await client.post("/predict", content=body, headers=NDJSON)
    assert answer.status_code == status


@pytest.fixture
async def unbounded(predictor: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    features = tuple(Feature(name=name, may_be_missing=True) for name in NAMES)
    schema = Schema(features=features, target=Binary(negative="no", positive="yes"))
    encoder = replace(predictor.encoder, spread=predictor.encoder.spread * 1e-10)
    changed = replace(predictor, schema=schema, encoder=encoder)
    transport = httpx.ASGITransport(app=create_app(Settings(), changed))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_values_that_overflow(unbounded: httpx.AsyncClient) -> None:
    rows = [[1e308] * 9 if place == 1 else [1.0] * 9 for place in range(3)]
    refused = await post(unbounded, rows)
    rule = "must hold values small enough for a finite answer"
    assert refused.json()["errors"] == [{"field": "rows.1", "rule": rule}]
    first, bad, last = answers_of(await post(unbounded, rows, "?on_error=mark"))
    assert "probability" in first
    assert "probability" in last
    assert bad["errors"] == [{"field": "row", "rule": rule}]


async def test_the_longest_line_is_taken(client: httpx.AsyncClient) -> None:
    line = json.dumps(ARRAY).ljust(MAX_LINE_BYTES) + "\n"
    assert (await post(client, [line])).status_code == 200
    assert (await post(client, [f" {line}"])).status_code == 413


LINES = [json.dumps(BENIGN), json.dumps(ARRAY), "", "null", "{", '{"a": "\\n"}', "[0]"]


@given(st.lists(st.sampled_from(LINES), max_size=8), st.lists(st.integers(0, 1500), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_it_is_cut_does_not_matter(
    predictor: Predictor, lines: list[str], cuts: list[int]
) -> None:
    body = "\r\n".join(lines).encode()
    decoder = RowDecoder(predictor.schema)

    def read(ends: list[int]) -> list[Any]:
        reader = NdjsonReader(decoder)
        places = zip([0, *ends], [*ends, len(body)], strict=True)
        blocks = [block for start, end in places for block in reader.feed(body[start:end])]
        return [
            block.errors.get(row) or values
            for block in [*blocks, *reader.finish()]
            for row, values in enumerate(block.values.tolist())
        ]

    whole = read([])
    assert read(sorted(min(cut, len(body)) for cut in cuts)) == whole
    assert len(whole) == sum(bool(line) for line in lines)


@given(body=st.binary(max_size=100) | st.lists(st.sampled_from([*LINES, "\n", "31337"])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_bytes_are_answered_or_refused(client: httpx.AsyncClient, body: Any) -> None:
    content = body if isinstance(body, bytes) else "".join(body).encode()
    headers = {**NDJSON, "X-Request-ID": "any"}
    for query in ("", "?on_error=mark"):
        answer = await client.post(f"/predict{query}", content=content, headers=headers)
        assert answer.status_code in {200, 413, 422}
        assert "31337" not in answer.text
