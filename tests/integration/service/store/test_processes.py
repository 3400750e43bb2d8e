"""Service processes with a store: several workers, shutdown, a store that is away, logs."""

import json
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.eventually import until
from support.service_process import Service, running_service
from support.store_client import ROW, SUBJECT_KEY

from service.settings import Settings
from service.store.store import Store

INSTANCES = {"instances": [ROW, ROW]}


def rows_of(url: str) -> list[Any]:
    store = Store(Settings.model_validate({"store": url}))
    with closing(store.open(read_only=False)) as database:
        return database.execute("SELECT id, row, subject FROM predictions")


def settings_for(folder: Path, **settings: object) -> dict[str, object]:
    store = f"sqlite:///{folder / 'store.db'}"
    given = {"store": store, "store_keeps": "predictions", "store_subject_key": SUBJECT_KEY}
    return {**given, **settings}


def test_two_workers_share_a_file(artifact_path: Path, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, workers=2)
    with running_service(artifact_path, tmp_path / "log.txt", **settings) as service:
        service.until_ready(2)
        outcomes = []
        for _ in range(20):  # each on a new connection, which either worker may accept
            answer = httpx.post(f"{service.url}/predict", json=INSTANCES)
            truth = {"id": f"{answer.json()['id']}.1", "truth": True}
            outcomes.append(httpx.post(f"{service.url}/feedback", json=truth).text)
        assert ['"outcome":"recorded"' in each for each in outcomes] == [True] * 20
        text = ""

        def counted() -> bool:
            nonlocal text
            headers = {"Accept": "text/plain"}
            text = httpx.get(f"{service.url}/metrics", headers=headers).text
            lines = [x for x in text.splitlines() if x.startswith("malignancy_feedback_total{")]
            return sum(float(each.rpartition(" ")[2]) for each in lines) == 20

        until(counted)
        for line in (
            "malignancy_store_dropped_total 0.0",
            "malignancy_store_failing 0.0",
            "malignancy_store_lag_seconds ",
        ):
            assert f"\n{line}" in text
    assert len(rows_of(str(settings["store"]))) == 40


def test_rows_that_wait_are_written_at_the_end(artifact_path: Path, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, drain_seconds=0)
    with Service(artifact_path, tmp_path / "log.txt", **settings) as service:
        service.until_ready()
        assert httpx.post(f"{service.url}/predict", json=INSTANCES).status_code == 200
        service.send_signal(signal.SIGTERM)
        assert service.end() == 0
    assert len(rows_of(str(settings["store"]))) == 2


def test_a_store_that_is_away_stops_neither_start_answers_nor_end(
    artifact_path: Path, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path / "later", drain_seconds=0)
    with Service(artifact_path, tmp_path / "log.txt", **settings) as service:
        service.until_ready()
        name = httpx.post(f"{service.url}/predict?subject=planted", json=INSTANCES).json()["id"]
        truth = {"id": f"{name}.0", "truth": True}
        answer = httpx.post(f"{service.url}/feedback", json=truth)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")

        def health() -> Any:
            answer = httpx.get(f"{service.url}/health")
            assert answer.status_code == 200
            return answer.json()["store"]

        until(lambda: health()["status"] == "degraded")
        assert health()["lag_seconds"] > 0
        (tmp_path / "later").mkdir()
        until(lambda: health()["status"] == "ok")
        assert httpx.post(f"{service.url}/feedback", json=truth).json()["outcome"] == "recorded"
        service.send_signal(signal.SIGTERM)
        assert service.end() == 0
    assert len(rows_of(str(settings["store"]))) == 2


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_subjects_are_in_no_log_line(artifact_path: Path, tmp_path: Path, log_format: str) -> None:
    log = tmp_path / "log.txt"
    settings = settings_for(tmp_path, log_level="debug", log_format=log_format)
    with running_service(artifact_path, log, **settings) as service:
        for path in ("/predict?subject=planted", "/predict?subject=planted&unknown=1"):
            for _ in range(3):  # the first one makes the head known
                httpx.post(service.url + path, json=INSTANCES)
        deleted = httpx.delete(f"{service.url}/subjects/planted")
        assert deleted.json()["predictions"] == 6
        httpx.get(f"{service.url}/subjects/planted")
    text = log.read_text()
    assert "planted" not in text
    assert "/subjects/{subject}" in text
    for file in tmp_path.glob("store.db*"):
        assert b"planted" not in file.read_bytes()
    if log_format == "json":
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert sum(each.get("route") == "/predict" for each in events) == 6
