"""Hostile and broken JSON bodies are rejected quickly, with a short error, in little memory.

tests/support/hostile_bodies.py generates hundreds of bodies for every route that accepts JSON.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from support.hostile_bodies import CAP, HOLE, SECRET, Json, broken, walk

from model.prediction.predictor import Predictor
from service.app import create_app
from service.problems import MAX_ERROR_CHARACTERS, MAX_ERRORS
from service.request_context import RequestContext
from service.settings import Settings

NAMES = (
    "clump_thickness uniformity_of_cell_size uniformity_of_cell_shape marginal_adhesion "
    "single_epithelial_cell_size bare_nuclei bland_chromatin normal_nucleoli mitoses"
).split()
OBJECT: Json = {**dict.fromkeys(NAMES, 1), "mitoses": HOLE}
ARRAY = [1] * 8 + [HOLE]
TENSOR = {"name": "input", "shape": [1, 9], "datatype": "FP64", "data": ARRAY}
OUTPUT = {"name": "label", "parameters": {"binary_data": False}}
INFER: Json = {
    "id": "a:b",
    "parameters": {"threshold": 0.5},
    "inputs": [{**TENSOR, "parameters": {}}],
    "outputs": [OUTPUT],
}
SHAPED: Json = {"inputs": [{**TENSOR, "shape": [HOLE, 9], "data": [1] * 9}]}
AT: Json = {"inputs": [{**TENSOR, "data": [1] * 9}], "parameters": {"threshold": HOLE}}
SPLIT: Json = {"dataframe_split": {"columns": NAMES, "index": [0], "data": [ARRAY]}}
KEYS = ["instances"]
ROUTES: dict[str, tuple[str, Json, list[str] | None]] = {
    "one": ("/predict", OBJECT, []),
    "objects": ("/predict", {"instances": [OBJECT]}, KEYS),
    "arrays": ("/predict", {"instances": [ARRAY]}, KEYS),
    "named": ("/models/article/predict", {"instances": [OBJECT, OBJECT]}, None),
    "version": ("/models/article/versions/{}/predict", {"instances": [ARRAY]}, None),
    "split": ("/invocations", SPLIT, ["dataframe_split"]),
    "records": ("/invocations", {"dataframe_records": [OBJECT]}, ["dataframe_records"]),
    "inputs": ("/invocations", {"inputs": [ARRAY]}, ["inputs"]),
    "frames": ("/invocations", {"instances": [OBJECT]}, KEYS),
    "infer": ("/v2/models/article/infer", INFER, ["inputs", "outputs", "id"]),
    "shape": ("/v2/models/article/infer", SHAPED, None),
    "threshold": ("/v2/models/article/versions/{}/infer", AT, None),
    "index": ("/v2/repository/index", {"ready": HOLE}, ["ready"]),
}
TRIES = 5
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("route", ROUTES)]


def max_seconds(size: int) -> float:
    """Return the limit of CPU time for a body of `size` bytes.

    It is ten times the time of the slowest body, and ten times more under a tracer such as
    coverage.
    """
    return (0.5 + 0.8 * size / 2**20) * (1 if sys.gettrace() is None else 10)


def max_memory_bytes(size: int) -> float:
    """Return the memory limit for a body of `size` bytes.

    A parsed number takes up to eight times its text, and the few allowed objects take more.
    """
    return 64 * 2**20 + 14 * size


logged: list[str] = []


def access_log(request: RequestContext, method: str, status: int, _: float) -> None:
    logged.append(f"{request.route} {method} {status}")


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(max_body_bytes=CAP), predictor, access_log)


def memory(key: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024


def bodies(route: str) -> Iterator[tuple[str, bytes, bool]]:
    _, document, keys = ROUTES[route]
    return broken(document, keys)


async def timed_post(
    client: httpx.AsyncClient, path: str, body: bytes
) -> tuple[httpx.Response, float]:
    """Return the response and the CPU time in seconds."""
    start = time.process_time()
    answer = await client.post(path, content=body)
    return answer, time.process_time() - start


async def test_every_body_is_rejected_quickly(
    client: httpx.AsyncClient,
    route: str,
    predictor: Predictor,
    caplog: pytest.LogCaptureFixture,
    figures: Callable[[str], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    path = ROUTES[route][0].format(predictor.version)
    good = json.dumps(ROUTES[route][1]).replace(f'"{HOLE}"', "true" if route == "index" else "1")
    assert (await client.post(path, content=good.encode())).status_code == 200
    worst, count = (0.0, "", 0), 0
    for name, body, may_be_valid in bodies(route):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = memory("VmRSS")
        answer, took = await timed_post(client, path, body)
        taken = memory("VmHWM") - before
        for _ in range(TRIES):  # a garbage collection may have run in between
            if took < max_seconds(len(body)):
                break
            took = (await timed_post(client, path, body))[1]
        assert 400 <= answer.status_code < 500 or (may_be_valid and answer.status_code == 200), name
        if answer.status_code == 200:
            assert _is_valid(route, name), name
        else:
            _assert_error_is_small(answer, name)
        assert took < max_seconds(len(body)), name
        assert taken < max_memory_bytes(len(body)), name
        worst, count = max(worst, (took, name, len(body))), count + 1
    assert count > 150
    lines = [*logged, *(f"{record.getMessage()} {vars(record)}" for record in caplog.records)]
    assert logged
    assert not [line for line in lines if SECRET in line]
    took, name, size = worst
    figures(f"{count} bodies, the slowest ({name}, {size / 2**20:.1f} MiB) in {took:.2f} s")


def _is_valid(route: str, name: str) -> bool:
    """Return True if a body that may be valid is valid for the route."""
    if name.startswith(("name", "names")):  # the protocol ignores unknown members
        return route in ("infer", "shape", "threshold", "index")
    if route == "index":
        return name in ("empty", "value-true", "value-null", "alone-object", "alone-deep-objects")
    zero = "value-minus-zero" in name or name == "value-small-exponent"
    if route == "threshold":
        return zero or name in ("value-fraction", "value-null")
    return name == "spaced"


def _assert_error_is_small(answer: httpx.Response, name: str) -> None:
    """Assert that an error is short, valid JSON, and repeats no value and no long name."""
    assert len(answer.content) <= 8 * 1024, name
    document = answer.json()
    texts = [answer.text, *(f"{key} {value}" for key, value in answer.headers.items())]
    if "error" in document:
        assert len(document["error"]) <= MAX_ERROR_CHARACTERS, name
    assert len(document.get("errors", [])) <= MAX_ERRORS, name
    inner = [text for each in walk(document) for text in each.values() if isinstance(text, str)]
    assert all(text.isprintable() for text in inner), name
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", "".join(texts)), name
    if not name.startswith("name"):
        assert SECRET not in "".join(texts), name
    assert SECRET * 30 not in answer.text, name
