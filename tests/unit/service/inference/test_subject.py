"""Tests of service.inference.subject: kept as a digest with the rows, and out of the query."""

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.store_client import ROW, SUBJECT_KEY, store_client

from model.prediction.predictor import Predictor
from service.settings import Settings
from service.store.identifiers import subject_digest
from service.store.store import Store

pytestmark = pytest.mark.anyio

TENSOR = {"inputs": [{"name": "input", "shape": [1, 9], "datatype": "INT64", "data": ROW}]}
TABLE = {"instances": [ROW]}
PATHS = {
    "/predict": TABLE,
    "/models/article/predict": TABLE,
    "/invocations": TABLE,
    "/v1/models/article:predict": TABLE,
    "/v2/models/article/infer": TENSOR,
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def subjects(url: str) -> list[Any]:
    store = Store(Settings.model_validate({"store": url}))
    with closing(store.open()) as database:
        return database.execute("SELECT subject, threshold FROM predictions ORDER BY id")


async def test_rows_of_every_path_have_the_digest(predictor: Predictor, url: str) -> None:
    async with store_client(predictor, url) as client:
        for path, body in PATHS.items():
            for query in ("subject=a+%C3%A4&threshold=0.7", "threshold=0.7&s%75bject=a%20%C3%A4"):
                answer = await client.post(f"{path}?{query}", json=body)
                assert answer.status_code == 200, answer.text
        for content_type in ("text/csv", "application/x-ndjson"):
            content = "[5,1,1,1,2,1,3,1,1]"
            if content_type == "text/csv":
                names = ",".join(predictor.schema.names)
                content = f"{names}\n{','.join(map(str, ROW))}\n"
            answer = await client.post(
                "/predict?subject=a%20%C3%A4&threshold=0.7&on_error=mark",
                content=content,
                headers={"Content-Type": content_type},
            )
            assert answer.status_code == 200, answer.text
        file = {"file": ("rows.ndjson", b"[5,1,1,1,2,1,3,1,1]")}
        answer = await client.post("/predict?subject=a%20%C3%A4&threshold=0.7", files=file)
        assert answer.status_code == 200, answer.text
    digest = subject_digest(SUBJECT_KEY, "a ä")
    assert subjects(url) == [(digest, 0.7)] * (2 * len(PATHS) + 3)


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("subject=", "must be a text of 1 to 200 bytes"),
        ("subject=%FFplanted", "must be a text of 1 to 200 bytes"),
        (f"subject=planted{'a' * 200}", "must be a text of 1 to 200 bytes"),
        ("subject=planted&subject=b", "must be given once"),
        ("subject=planted&subjekt=b", "may only hold"),
    ],
)
async def test_an_invalid_subject_is_rejected(
    predictor: Predictor, url: str, query: str, rule: str
) -> None:
    async with store_client(predictor, url) as client:
        for path, body in PATHS.items():
            answer = await client.post(f"{path}?{query}", json=body)
            assert answer.status_code in (400, 422)
            assert rule in answer.text
            assert "planted" not in answer.text
    assert not Path(url.removeprefix("sqlite:///")).exists()  # nothing was written


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"store": None}, "MALIGNANCY_STORE and MALIGNANCY_STORE_KEEPS"),
        ({"keeps": "counts"}, "MALIGNANCY_STORE and MALIGNANCY_STORE_KEEPS"),
        ({"store_subject_key": None}, "MALIGNANCY_STORE_SUBJECT_KEY"),
    ],
)
async def test_a_subject_needs_a_store_and_a_key(
    predictor: Predictor, url: str, settings: dict[str, Any], rule: str
) -> None:
    async with store_client(predictor, **{"store": url, **settings}) as client:
        answer = await client.post("/predict?subject=a", json=TABLE)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == "subject"
    assert rule in error["rule"]


async def test_reads_have_no_subject(predictor: Predictor, url: str) -> None:
    async with store_client(predictor, url) as client:
        answers: list[httpx.Response] = [
            await client.get("/models/article/metrics?subject=a"),
            await client.post("/explain?subject=a", json=TABLE),
        ]
    assert [each.status_code for each in answers] == [422, 422]
