"""CSV: the rows and answers of a table, and the errors of malformed tables."""

import csv
import io
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.prediction.delimiters import DELIMITERS
from model.prediction.predictor import Predictor
from service.app import create_app
from service.codecs.extra import TAKEN
from service.codecs.tabular.line_buffer import MAX_LINE_BYTES
from service.settings import Settings

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
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.content)
    header, *rows = rows_of(answer.text)
    assert header == ["probability", "label", "imputed"]
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


@pytest.mark.parametrize("name", [name for name in SAME if name != "quotes"])
async def test_rows_without_a_header(client: httpx.AsyncClient, name: str) -> None:
    """As SageMaker's clients send them; an answer has a header all the same."""
    table = SAME[name]
    rows = table.replace(HEADER.replace(",", " ,\t") if name == "blanks" else HEADER, "")
    assert rows != table
    expected = await post(client, table)
    for path in ("/predict", "/invocations"):
        headers = {"Content-Type": "text/csv; header=absent", "Accept": "text/csv"}
        answer = await client.post(path, content=rows, headers=headers)
        assert (answer.status_code, answer.text) == (200, expected.text)
    tabs = {"Content-Type": "text/tab-separated-values; header=absent", "Accept": "text/csv"}
    answer = await client.post("/predict", content=BENIGN.replace(",", "\t"), headers=tabs)
    assert answer.text.splitlines() == expected.text.splitlines()[:2]
    headers = {"Content-Type": "text/csv; header=absent"}
    for body in (f"{HEADER}\n{BENIGN}", f"{BENIGN},1", "5,1"):
        answer = await client.post("/predict", content=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith("rows.0")


@pytest.mark.parametrize("body", SAME.values(), ids=list(SAME))
async def test_the_same_table_in_other_words(client: httpx.AsyncClient, body: str) -> None:
    plain = await post(client, f"{HEADER}\n{BENIGN}\n{BENIGN}\n")
    answer = await post(client, body)
    assert (answer.status_code, answer.text) == (200, plain.text)


@pytest.mark.parametrize("beginning", ["", "\n\n"])
async def test_a_long_table_of_integers_is_read_like_one_with_quotes(
    client: httpx.AsyncClient, beginning: str
) -> None:
    order = [3, 8, 0, 5, 1, 2, 4, 7, 6]
    rows = [[(place * 7 + row) % 10 + 1 for place in order] for row in range(600)]
    lines = [",".join(map(str, row)) for row in rows]
    lines[100] = lines[100].replace("6", "", 1)  # some cells are missing, or too large
    lines[200] = lines[200].replace(",10,", ",11,", 1)
    header = ",".join(NAMES[place] for place in order)
    plain = beginning + "\n".join([header, *lines, ""])
    quoted = beginning + "\n".join([header, *(f'"{line}"'.replace(",", '","') for line in lines)])
    answers = [await post(client, body, "?on_error=mark") for body in (plain, quoted)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].text == answers[1].text
    assert answers[0].text.count("\n") == 601


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_rows_with_several_line_breaks_are_read_in_any_chunks(
    client: httpx.AsyncClient, delimiter: str, size: int
) -> None:
    texts = io.StringIO()
    writer = csv.writer(texts, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    notes = ["a\nb", 'say "no",\n; | \t', "\n\n"]
    writer.writerow(["name,\nof the\nrow", *NAMES, "x", "y", "z"])
    writer.writerows(["a", *BENIGN.split(","), *notes] for _ in range(3))
    body = texts.getvalue().encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    answer = await client.post("/predict", content=chunks(), headers=CSV)
    assert answer.status_code == 200, answer.text
    header, *rows = rows_of(answer.text)
    assert header[:4] == ["name,\nof the\nrow", "x", "y", "z"]
    assert [row[:4] for row in rows] == [["a", *notes]] * 3


async def test_columns_in_any_order_and_missing_ones(client: httpx.AsyncClient) -> None:
    expected = await post(client, f"{HEADER}\n5,1,1,1,2,,3,1,1\n")
    cells = dict(zip(NAMES, BENIGN.split(","), strict=True))
    del cells["bare_nuclei"]
    names = sorted(cells)
    other = f"{','.join(names)}\n{','.join(cells[name] for name in names)}\n"
    assert (await post(client, other)).text == expected.text


SIMILAR = "is not a feature of this model: rename it to bare_nuclei, or to a name unlike it"
TOO_MANY = "must have at most 10000 columns that are not features of this model"


@pytest.mark.parametrize(
    ("header", "field", "rule"),
    [
        (f"{HEADER},label", "label", TAKEN),
        (f"{HEADER},,", "header", "must have at most one column without a name"),
        (f"{HEADER},mitoses", "mitoses", "is given twice"),
        (f"{HEADER},id,id", "id", "is given twice"),
        (HEADER.removesuffix(",mitoses"), "mitoses", "is required"),
        (HEADER.replace("bare_nuclei", "bare_nucleii"), "bare_nucleii", SIMILAR),
        (",".join(f"c{n}" for n in range(10_001)), "header", TOO_MANY),
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
    assert header == ["probability", "label", "imputed", "error"]
    good = rows_of((await post(client, f"{HEADER}\n{BENIGN}\n{BENIGN}\n")).text)[1]
    assert first == last == [*good, ""]
    named = field.removeprefix("rows.1").removeprefix(".") or "row"
    assert bad == ["", "", "", f"{named} {rule}"]


async def test_an_error_names_an_empty_cell_and_no_null(client: httpx.AsyncClient) -> None:
    body = f"{HEADER}\n" + "5,1,1,1,2,11,3,1,1\n"
    rule = "must be an integer from 1 to 10 or empty"
    assert (await post(client, body)).json()["errors"] == [
        {"field": "rows.0.bare_nuclei", "rule": rule}
    ]


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
        (f"{HEADER}\n".encode() + b"\xff", 400, "it is not UTF-8 text"),
        (f"{HEADER}\n{BENIGN}\n".encode("utf-16"), 400, "it is UTF-16 or UTF-32 text"),
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
        assert answer.json()["errors"] == [{"field": "header", "rule": "is required"}]
    else:
        assert detail in answer.json()["detail"]


async def test_on_error_is_for_tables_only(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict?on_error=mark", json={"instances": [[11]]})
    assert answer.status_code == 422  # JSON refuses all in any case
    for query, field, rule in [
        ("?on_error=skip", "on_error", "must be refuse or mark"),
        ("?on_error=mark&on_error=mark", "on_error", "must be given once"),
        ("?mark=1", "query", "may only hold threshold and on_error"),
    ]:
        answer = await post(client, f"{HEADER}\n{BENIGN}\n", query)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": field, "rule": rule}]


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
