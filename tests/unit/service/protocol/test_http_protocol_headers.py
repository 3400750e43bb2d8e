"""service/protocol: white space around a header's value, and empty values, have no meaning."""

import hashlib
import json
import re

import pytest
from support.fake_connection import Server, statuses

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

KEYS = f"key:admin:{hashlib.sha256(b'secret').hexdigest()}"
KEY = b"X-API-Key: key.secret"
ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]
INSTANCES = json.dumps({"instances": [ROW]}).encode()
TENSOR = json.dumps(
    {"inputs": [{"name": "input", "shape": [1, 9], "datatype": "FP64", "data": ROW}]}
).encode()
INFER = b"/v2/models/article/infer"


async def exchange(
    predictor: Predictor, path: bytes, body: bytes, *headers: bytes
) -> tuple[int, bytes]:
    """Return the status and the response, without what differs from request to request."""
    service = create_app(Settings(api_keys=KEYS), predictor)
    method = b"POST" if body else b"GET"
    lines = [b"%b %b HTTP/1.1" % (method, path), b"Host: a", *headers]
    lines += [b"Content-Length: %d" % len(body), b"", body]
    answered = await Server(service=service).connect().send(b"\r\n".join(lines))
    (status,) = statuses(answered)
    return status, re.sub(rb"[0-9a-f]{32}", b"", answered)


@pytest.mark.parametrize(
    ("path", "body", "name", "value", "status"),
    [
        (b"/predict", INSTANCES, b"Content-Type", b"application/json", 200),
        (b"/predict", INSTANCES, b"Content-Type", b"text/plain", 415),
        (b"/predict", INSTANCES, b"Content-Encoding", b"identity", 200),
        (b"/predict", INSTANCES, b"Accept", b"text/csv", 200),
        (b"/predict", INSTANCES, b"Accept", b"image/png", 406),
        (b"/predict", INSTANCES, b"X-Request-ID", b"given", 200),
        (INFER, TENSOR, b"Inference-Header-Content-Length", b"%d" % len(TENSOR), 200),
        (INFER, TENSOR, b"Inference-Header-Content-Length", b"x", 400),
        (b"/metrics?threshold=0", b"", b"Accept", b"text/plain;version=0.0.4", 422),
        (b"/model", b"", b"X-Request-ID", b"given", 200),
    ],
)
async def test_white_space_around_a_value(
    predictor: Predictor, path: bytes, body: bytes, name: bytes, value: bytes, status: int
) -> None:
    expected, padded = [
        await exchange(predictor, path, body, KEY, name + separator + value + end)
        for separator, end in ((b": ", b""), (b":\t ", b" \t"))
    ]
    assert padded == expected
    assert padded[0] == status


@pytest.mark.parametrize(
    "header",
    [b"X-API-Key: \tkey.secret\t ", b"Authorization:\tBearer key.secret \t"],
)
async def test_white_space_around_a_key(predictor: Predictor, header: bytes) -> None:
    assert (await exchange(predictor, b"/model", b"", header))[0] == 200


@pytest.mark.parametrize("end", [b"", b" ", b"\t "])
@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        (b"/predict", INSTANCES, b"Content-Type"),
        (b"/predict", INSTANCES, b"Content-Encoding"),
        (b"/predict", INSTANCES, b"Accept"),
        (b"/predict", INSTANCES, b"X-Request-ID"),
        (b"/predict", INSTANCES, b"Authorization"),
        (b"/predict", INSTANCES, b"traceparent"),
        (b"/predict", INSTANCES, b"Connection"),
        (INFER, TENSOR, b"Inference-Header-Content-Length"),
        (INFER, TENSOR, b"Content-Encoding"),
        (b"/metrics?threshold=0", b"", b"Accept"),
    ],
)
async def test_an_empty_value_counts_as_none(
    predictor: Predictor, path: bytes, body: bytes, name: bytes, end: bytes
) -> None:
    without = await exchange(predictor, path, body, KEY)
    assert await exchange(predictor, path, body, KEY, name + b":" + end) == without
    assert without[0] == 200
