"""Short form of soak.py, in one process: no memory grows with requests or replaced versions."""

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families as parse
from stress.soak import VERSIONS, Versions
from support.client_mix import STAYING, Client, Traffic
from support.request_mix import Requests
from support.resource_usage import slope

from model.prediction.predictor import Predictor
from service.app import create_app
from service.lifecycle import Lifecycle
from service.protocol.connection_context import ConnectionContext
from service.protocol.http_protocol import hardened_protocol
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECONDS = 60
PHASE_REQUESTS = 1500
PHASE_SWAPS = 3
OBJECTS_PER_REQUEST = 0.5  # far below any leak of an object per request


@contextmanager
def serving(app: FastAPI, protocol: type[asyncio.Protocol]) -> Iterator[tuple[uvicorn.Server, int]]:
    """Run a server in a thread, and yield it and its port."""
    config = uvicorn.Config(app, port=0, http=protocol, lifespan="on", ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + SECONDS
    try:
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def objects() -> list[Any]:
    gc.collect()
    return gc.get_objects()


def served() -> list[ModelVersion]:
    # isinstance reads __class__ of objects of other libraries, and some of them warn.
    return [each for each in objects() if type(each) is ModelVersion]


def series(port: int) -> set[frozenset[tuple[str, str]]]:
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": "text/plain"})
    return {
        frozenset({"": sample.name, **sample.labels}.items())
        for family in parse(answer.text)
        for sample in family.samples
    }


async def until(true: Any) -> None:
    async with asyncio.timeout(SECONDS):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.02)


async def test_nothing_grows(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # caplog would keep the exceptions of warnings, their frames and the loaded artifacts.
    caplog.set_level(logging.CRITICAL, "service")
    monkeypatch.setattr("service.registry.reloader.POLL_SECONDS", 0.02)
    others = {id(each) for each in served()}  # of earlier tests
    versions, draw = Versions(predictor, tmp_path), Random(0)
    settings = Settings(artifact=versions.folder, extra_artifacts=str(versions.other))
    app = create_app(settings)
    context = ConnectionContext(settings, Lifecycle(0), app.count_rejected, app.memory)
    requests = Requests(predictor.schema.names, predictor.name, draw)
    with serving(app, hardened_protocol(context)) as (server, port):

        def serves_other(title: str) -> bool:
            health = httpx.get(f"http://127.0.0.1:{port}/health").json()
            return bool(health["model"] != title)

        def is_quiet() -> bool:
            return len(server.server_state.connections) == STAYING

        def are_old_versions_gone() -> bool:
            return sum(id(each) not in others for each in served()) <= VERSIONS + 1

        traffic = Traffic(port, requests, draw)
        client = await Client.to(port, traffic.statuses)
        for each in requests.of_each_kind():
            await client.exchange([each])
        await client.close()
        object_counts, scrapes = [], []
        for number in range(1, 5):
            for swap in range(PHASE_SWAPS):
                before = httpx.get(f"http://127.0.0.1:{port}/health").json()["model"]
                versions.next()
                await until(partial(serves_other, before))
                share = (number - 1 + (swap + 1) / PHASE_SWAPS) * PHASE_REQUESTS
                await traffic.until(int(share))
            await until(is_quiet)
            await until(are_old_versions_gone)
            object_counts.append(len(objects()))
            scrapes.append(series(port))
        await until(lambda: len(context.deadline_timer._connections) == STAYING)
        await traffic.end()
        await until(lambda: not server.server_state.connections)
        assert not server.server_state.tasks
        assert not len(context.connections)
        host_cache = context.allowed_hosts.error_for.cache_info()
        assert host_cache.misses > 50
        assert host_cache.currsize <= 256
    labels = [dict(each) for each in scrapes[-1]]
    assert len({each["route"] for each in labels if "route" in each}) < 50  # no route per path
    titles = {each["model"] for each in labels if "@" in each.get("model", "")}
    assert len(titles) <= VERSIONS + 1
    assert len(scrapes[-1]) < 700
    per_request = slope(range(3), [count / PHASE_REQUESTS for count in object_counts[1:]])[0]
    assert per_request < OBJECTS_PER_REQUEST, object_counts
    assert set(traffic.statuses) <= {200, 400, 404, 405, 406, 414, 415, 422, 431, 503}
    assert traffic.statuses[503] < traffic.sent / 10
