"""Tests of service.routes.feedback: truth of answers, erasure, errors, keys and scopes."""

import hashlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.store_client import ROW, store_client

from model.prediction.predictor import Predictor
from service.app import create_app
from service.inference import feedback
from service.settings import Settings
from service.store import feedback as store_feedback
from service.store.databases.database import StoreUnavailable
from service.store.feedback import UnknownPrediction
from service.store.identifiers import answer_name, first_id_of, uuid7
from service.store.store import Store

pytestmark = pytest.mark.anyio

IDENTITIES = "clinic:predict lab:feedback both:predict+feedback root:admin".split()
KEYS = ",".join(f"{each}:{hashlib.sha256(b's').hexdigest()}" for each in IDENTITIES)
UNKNOWN = "ffff0000-0000-7000-8000-000000000000"  # of a time that is far away
OLD = answer_name(first_id_of(0)[:6] + b"\x70\0\x80" + bytes(7))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
async def client(predictor: Predictor, url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with store_client(predictor, url) as client:
        yield client


async def predict(client: httpx.AsyncClient, rows: int = 1, query: str = "") -> str:
    answer = await client.post(f"/predict{query}", json={"instances": [ROW] * rows})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def send(client: httpx.AsyncClient, name: Any, truth: Any) -> httpx.Response:
    return await client.post("/feedback", json={"id": name, "truth": truth})


async def test_a_truth_is_recorded_at_once_repeated_and_superseded(
    client: httpx.AsyncClient,
) -> None:
    name = await predict(client)  # its row waits in the queue
    for truth, outcome in (
        ("benign", "recorded"),
        (False, "unchanged"),
        (True, "superseded"),
        ("malignant", "unchanged"),
    ):
        answer = await send(client, name, truth)
        assert (answer.status_code, answer.json()) == (200, {"id": name, "outcome": outcome})
    metrics = await client.get("/metrics", headers={"Accept": "text/plain"})
    counts = [line for line in metrics.text.splitlines() if line.startswith("malignancy_feedback")]
    assert counts == [
        'malignancy_feedback_total{predicted="benign",truth="benign"} 1.0',
        'malignancy_feedback_total{predicted="benign",truth="malignant"} 1.0',
    ]


async def test_an_unknown_id_of_now_may_still_be_written_by_another_process(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "FLUSH_SECONDS", 0.05)
    name = await predict(client)
    with monkeypatch.context() as patch:
        found = iter([UnknownPrediction("x")] * 2)
        real = store_feedback._record

        def record(*arguments: Any) -> Any:
            for error in found:
                raise error
            return real(*arguments)

        patch.setattr(store_feedback, "_record", record)
        assert (await send(client, name, True)).json()["outcome"] == "recorded"
    assert (await send(client, answer_name(uuid7()), True)).status_code == 404


async def test_rows_of_an_answer_have_numbers(client: httpx.AsyncClient) -> None:
    name = await predict(client, 3)
    answer = await send(client, name, True)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"].startswith("must state a row, as ID.N")
    assert (await send(client, f"{name}.2", True)).json()["outcome"] == "recorded"
    assert (await send(client, f"{name}.3", True)).status_code == 404


@pytest.mark.parametrize(
    ("name", "truth", "status", "field"),
    [
        (UNKNOWN, True, 404, None),
        (OLD, True, 410, None),
        ("planted", True, 422, "id"),
        (3, True, 422, "id"),
        (None, "planted", 422, "truth"),
        (None, None, 422, "truth"),
    ],
)
async def test_a_single_truth_that_is_not_recorded_has_a_status(
    client: httpx.AsyncClient, name: Any, truth: Any, status: int, field: str | None
) -> None:
    answer = await send(client, name or await predict(client), truth)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "planted" not in answer.text
    if field:
        assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_an_error_of_a_row_does_not_stop_the_others(client: httpx.AsyncClient) -> None:
    name = await predict(client, 3)
    truths = [(f"{name}.0", "benign"), (UNKNOWN, True), (f"{name}.1", "planted"), ("planted", 1)]
    rows = [{"id": each, "truth": truth} for each, truth in (*truths, (f"{name}.2", True))]
    answer = await client.post("/feedback", json={"feedback": rows})
    body = answer.json()
    assert answer.status_code == 200
    assert "planted" not in answer.text
    assert [body[each] for each in ("rows", "recorded", "superseded", "unchanged", "rejected")] == [
        *(5, 2, 0, 0, 3)
    ]
    fields = [each["field"] for each in body["errors"]]
    assert fields == ["feedback.1.id", "feedback.2.truth", "feedback.3.id"]
    again = (await client.post("/feedback", json=rows)).json()
    assert (again["recorded"], again["unchanged"]) == (0, 2)


@pytest.mark.parametrize(
    ("media_type", "form"),
    [
        ("text/csv", "case;truth;id\n17;malignant;{0}.0\n18;false;{0}.1\n"),
        ("text/tab-separated-values", "id\ttruth\n{0}.0\ttrue\n{0}.1\tbenign"),
        (
            "application/x-ndjson",
            '{{"id":"{0}.0","truth":true}}\n{{"id":"{0}.1","truth":"benign"}}',
        ),
    ],
)
async def test_tables_state_truths(client: httpx.AsyncClient, media_type: str, form: str) -> None:
    content = form.format(await predict(client, 2))
    answer = await client.post("/feedback", content=content, headers={"Content-Type": media_type})
    assert answer.json() == {
        **{"rows": 2, "recorded": 2, "superseded": 0, "unchanged": 0, "rejected": 0},
        "errors": [],
    }


async def test_many_truths_of_one_answer(client: httpx.AsyncClient) -> None:
    count = store_feedback.CHUNK_ROWS + 3
    name = await predict(client, count)
    rows = [{"id": f"{name}.{row}", "truth": row % 2 == 0} for row in range(count)]
    answer = (await client.post("/feedback", json=[*rows, {**rows[5], "truth": True}])).json()
    assert (answer["recorded"], answer["superseded"], answer["rejected"]) == (count, 1, 0)


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        ("/feedback", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ("/feedback", {"content": "x", "headers": {"Content-Type": "application/pdf"}}, 415),
        (
            "/feedback",
            {"content": "x", "headers": {"Content-Type": "application/vnd.apache.parquet"}},
            415,
        ),
        ("/feedback", {"files": {"file": b"id,truth\n"}}, 415),
        ("/feedback", {"json": [], "headers": {"Accept": "text/csv"}}, 406),
        ("/feedback?threshold=0.5", {"json": []}, 422),
        ("/feedback", {"json": ["x" * 2000] * 1000}, 413),
    ],
)
async def test_other_bodies_are_rejected(
    predictor: Predictor, url: str, path: str, request_: Any, status: int
) -> None:
    async with store_client(predictor, url, max_body_bytes=1_000_000) as client:
        answer = await client.post(path, **request_)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({}, "The service has no store: set MALIGNANCY_STORE."),
        ({"keeps": "counts"}, "The store keeps no predictions: set MALIGNANCY_STORE_KEEPS"),
    ],
)
async def test_a_service_that_keeps_no_predictions_takes_no_truth(
    predictor: Predictor, url: str, settings: dict[str, str], detail: str
) -> None:
    async with store_client(predictor, url if settings else None, **settings) as client:
        answer = await send(client, UNKNOWN, True)
        assert answer.status_code == 404
        assert answer.json()["detail"].startswith(detail)
        for path in (f"/predictions/{UNKNOWN}", "/subjects/a"):
            assert (await client.delete(path)).status_code == (200 if settings else 404)
        assert "id" not in (await client.post("/predict", json={"instances": [ROW]})).json()


async def test_predictions_and_subjects_are_erased(client: httpx.AsyncClient) -> None:
    name = await predict(client, 3, "?subject=a")
    assert (await send(client, f"{name}.0", True)).status_code == 200
    none = {"predictions": 0, "inputs": 0, "feedback": 0}
    answer = await client.delete(f"/predictions/{name}.0")
    assert answer.json() == {"predictions": 1, "inputs": 1, "feedback": 1}
    assert (await client.delete(f"/predictions/{name}.0")).json() == none
    assert (await client.delete("/subjects/b")).json() == none
    assert (await client.delete("/subjects/a")).json() == {**none, "predictions": 2, "inputs": 2}
    assert (await send(client, f"{name}.1", True)).status_code == 404
    other = await predict(client)
    assert (await client.delete(f"/predictions/{other}")).json()["predictions"] == 1


@pytest.mark.parametrize("subject", ["a%2F", "a%2fb", "%C3%A4%20%2B", "a.b", "%25", "a/b"])
async def test_a_subject_may_have_any_characters(client: httpx.AsyncClient, subject: str) -> None:
    await predict(client, query=f"?subject={subject}")
    await predict(client, query="?subject=a")
    assert (await client.delete(f"/subjects/{subject}")).json()["predictions"] == 1
    assert (await client.delete("/subjects/a")).json()["predictions"] == 1


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/predictions/planted", "id"),
        (f"/predictions/{UNKNOWN}?subject=planted", "query"),
        ("/subjects/a?subject=planted", "query"),
        ("/subjects/%FFplanted", "subject"),
        (f"/subjects/planted{'a' * 200}", "subject"),
    ],
)
async def test_another_name_erases_nothing(
    client: httpx.AsyncClient, path: str, field: str
) -> None:
    answer = await client.delete(path)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert "planted" not in answer.text


async def test_a_service_without_subjects_erases_none(predictor: Predictor, url: str) -> None:
    async with store_client(predictor, url, store_subject_key=None) as client:
        answer = await client.delete("/subjects/a")
    assert answer.status_code == 404
    assert "MALIGNANCY_STORE_SUBJECT_KEY" in answer.json()["detail"]


async def test_a_store_that_is_unavailable_is_a_503(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = await predict(client, query="?subject=planted")

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("SQLite: planted")

    with caplog.at_level(logging.DEBUG), monkeypatch.context() as patch:
        patch.setattr(Store, "open", fail)
        answers = [await send(client, name, True)]
        answers.append(await client.delete(f"/predictions/{name}"))
        answers.append(await client.delete("/subjects/planted"))
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "planted" not in answer.text
    logged = [each.getMessage() for each in caplog.records if not each.name.startswith("httpx")]
    assert not any("planted" in each for each in logged)
    assert (await send(client, name, True)).status_code == 200


@pytest.mark.parametrize(
    ("identity", "predicts", "gives_truth", "erases"),
    [
        ("clinic", 200, 403, 403),
        ("lab", 403, 404, 403),
        ("both", 200, 404, 403),
        ("root", 200, 404, 200),
    ],
)
async def test_scopes(
    predictor: Predictor, url: str, identity: str, predicts: int, gives_truth: int, erases: int
) -> None:
    async with store_client(predictor, url, api_keys=KEYS) as client:
        client.headers["X-API-Key"] = f"{identity}.s"
        answer = await client.post("/predict", json={"instances": [ROW]})
        assert answer.status_code == predicts
        assert (await send(client, UNKNOWN, True)).status_code == gives_truth
        for path in (f"/predictions/{UNKNOWN}", "/subjects/a"):
            assert (await client.delete(path)).status_code == erases


async def test_rows_and_truths_have_the_id_of_the_key(predictor: Predictor, url: str) -> None:
    async with store_client(predictor, url, api_keys=KEYS) as client:
        client.headers["X-API-Key"] = "both.s"
        assert (await send(client, await predict(client), True)).status_code == 200
    store = Store(Settings.model_validate({"store": url}))
    database = store.open()
    assert database.execute("SELECT key_id FROM feedback") == [("both",)]
    assert database.execute("SELECT key_id FROM predictions") == [("both",)]
    database.close()


def test_postgresql_without_its_extra_stops_the_start(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.settings import SettingError

    monkeypatch.setattr("service.store.store.find_spec", lambda _: None)
    settings = Settings.model_validate({"store": "postgresql://u:planted@db/x"})
    with pytest.raises(SettingError, match="extra `postgres`") as error:
        create_app(settings, predictor)
    assert "planted" not in str(error.value)
