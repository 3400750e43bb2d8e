"""Rows that the fast path answers are stored like those of the ASGI application."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.fake_connection import Server, statuses
from support.store_client import ROW, within_lifespan
from support.stored_rows import all_counts

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings
from service.store.identifiers import answer_name
from service.store.reading import rows_between
from service.store.store import Store

pytestmark = pytest.mark.anyio
OTHER = [10, 10, 10, 8, 6, 1, 8, 9, 1]


def post(body: Any, query: str = "") -> bytes:
    text = json.dumps(body)
    head = f"POST /predict{query} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(text)}"
    return f"{head}\r\n\r\n{text}".encode()


@pytest.mark.parametrize("keeps", ["counts", "predictions", "inputs"])
async def test_both_ways_store_the_same_rows(
    predictor: Predictor, tmp_path: Path, keeps: str
) -> None:
    """A known head is answered by the fast path: that of the second request."""
    named = dict(zip(predictor.schema.names, ROW, strict=True))
    missing = {**named, "bare_nuclei": None}  # is not in the tables
    bodies = [named, named, {"instances": [ROW, OTHER]}, missing, {"instances": [OTHER]}]
    found = []
    for direct in (True, False):
        url = f"sqlite:///{tmp_path / str(direct)}.db"
        settings = Settings.model_validate({"store": url, "store_keeps": keeps})
        app = create_app(settings, predictor)
        names = []
        async with within_lifespan(app):
            wire = Server(service=app, direct=direct).connect()
            for body in bodies:
                for query in ("", "?threshold=0.9"):
                    answered = await wire.send(post(body, query))
                    assert statuses(answered) == [200]
                    answer = json.loads(answered[answered.index(b"\r\n\r\n") :])
                    names.append(answer.get("id"))
        assert (None in names) == (keeps == "counts")
        with closing(Store(settings).open()) as database:
            rows = sorted(rows_between(database), key=lambda row: (row.id, row.row))
            stored = [
                (
                    names.index(answer_name(row.id)),
                    row.row,
                    row.predictions.tolist(),
                    row.label,
                    row.threshold,
                    row.imputed,
                    row.values,
                )
                for row in rows
            ]
            found.append((stored, all_counts(database)))
    assert found[0] == found[1]
    assert found[0][1]["rows", "", 0] == 12
    assert len(found[0][0]) == (0 if keeps == "counts" else 12)
