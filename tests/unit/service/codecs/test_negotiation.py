"""Which bodies /predict reads, and which answers it can give, by the request's headers."""

import json

import httpx
import pytest

pytestmark = pytest.mark.anyio

BODY = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}


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
        ("Content-Type", ""),
        ("Content-Encoding", "gzip"),
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
