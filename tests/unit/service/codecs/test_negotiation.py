"""Which bodies /predict reads, and which answers it can give, by the request's headers."""

import json

import httpx
import pytest

from service.codecs.negotiation import CSV, NDJSON, TSV

pytestmark = pytest.mark.anyio

BODY = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
LINE = "[5, 1, 1, 1, 2, 1, 3, 1, 1]"
CSV_BODY = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses\n"
    "5,1,1,1,2,1,3,1,1\n"
)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'APPLICATION/JSON;charset="UTF-8"'],
)
async def test_json_by_its_names(client: httpx.AsyncClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/predict", content=json.dumps(BODY), headers=headers)
    assert answer.status_code == 200


async def test_without_a_content_type_it_is_json(client: httpx.AsyncClient) -> None:
    assert (await client.post("/predict", content=json.dumps(BODY))).status_code == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "application/json; charset=latin-1"),
        ("Content-Encoding", "br"),
    ],
)
async def test_other_content_is_415(client: httpx.AsyncClient, header: str, value: str) -> None:
    answer = await client.post("/predict", content=json.dumps(BODY), headers={header: value})
    assert answer.status_code == 415


async def test_the_415_names_the_header_to_send(client: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # as `curl -d` sends
    answer = await client.post("/predict", content=json.dumps(BODY), headers=form)
    assert "Send a Content-Type header, for example Content-Type: application/json." in answer.text


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json;charset=UTF8",
        "application/json; Charset='utf-8'".replace("'", '"'),
        "application/json; charset=us-ascii",
        "application/json; odata=verbose",
    ],
)
async def test_utf_8_by_its_names(client: httpx.AsyncClient, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/predict", content=json.dumps(BODY), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content_type", "rule"),
    [
        ("application/json; charset=utf-16", "The charset of the body must be utf-8."),
        ("text/csv; charset=windows-1252", "The charset of the body must be utf-8."),
        ("text/csv; header=none", "The parameter header of a table must be present or absent"),
        ("text/html", "The media type of the body must be one of application/json, text/csv"),
    ],
)
async def test_the_415_says_what_is_wrong(
    client: httpx.AsyncClient, content_type: str, rule: str
) -> None:
    headers = {"Content-Type": content_type}
    answer = await client.post("/predict", content=json.dumps(BODY), headers=headers)
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith(rule)


TABLES = {
    CSV: CSV_BODY,
    "application/csv": CSV_BODY,
    TSV: CSV_BODY.replace(",", "\t"),
    NDJSON: LINE,
    "application/jsonl": LINE,
    "application/jsonlines": LINE,
    "application/x-jsonlines": LINE,
    "application/json-lines": LINE,
    "application/ndjson": LINE,
}


@pytest.mark.parametrize("name", TABLES)
async def test_the_answer_has_the_name_that_the_client_uses(
    client: httpx.AsyncClient, name: str
) -> None:
    text = f"{name}; charset=utf-8"
    answer = await client.post("/predict", content=TABLES[name], headers={"Content-Type": name})
    assert (answer.status_code, answer.headers["content-type"]) == (200, text)
    from_json = await client.post("/predict", json=BODY, headers={"Accept": name.title()})
    assert (from_json.headers["content-type"], from_json.text) == (text, answer.text)


async def test_accept_decides_on_the_name(client: httpx.AsyncClient) -> None:
    headers = {
        "Content-Type": "application/jsonl",
        "Accept": "text/csv;q=0.8, application/ndjson, */*;q=0.1",
    }
    answer = await client.post("/predict", content=LINE, headers=headers)
    assert answer.headers["content-type"] == "application/ndjson; charset=utf-8"


@pytest.mark.parametrize(
    ("body", "accept", "content_type"),
    [
        ("application/csv", "*/*", "application/csv; charset=utf-8"),
        ("application/csv", "text/*", "text/csv; charset=utf-8"),
        ("text/csv", "application/*", "application/json"),
        ("application/jsonl", "application/*", "application/jsonl; charset=utf-8"),
    ],
)
async def test_a_range_prefers_the_type_of_the_body(
    client: httpx.AsyncClient, body: str, accept: str, content_type: str
) -> None:
    headers = {"Content-Type": body, "Accept": accept}
    answer = await client.post("/predict", content=TABLES[body], headers=headers)
    assert answer.headers["content-type"] == content_type


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/*;q=0.1", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("Application/JSON; Q=1", 200),
        ("", 200),
        ("text/csv", 200),
        ("application/json;q=0", 406),
        ("application/xml", 406),
        ("*/*;q=0", 406),
        ("application/json;q=0.000, */*", 200),
        ("application/problem+json", 406),
    ],
)
async def test_accept(client: httpx.AsyncClient, accept: str, status: int) -> None:
    answer = await client.post("/predict", json=BODY, headers={"Accept": accept})
    assert answer.status_code == status
