"""Valid and invalid requests of every kind as bytes, with their expected statuses.

Values that a client chooses (ids, thresholds, hosts, paths) differ in each request: if the service
kept them, its memory would grow.
"""

import gzip
import io
import json
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from service.codecs.negotiation import ARROW, CSV, NDJSON

HOST = b"Host: localhost\r\n"
FEATURES = 9
LARGE_ROWS = 2000  # of a body that is large enough for a thread
METHODS = "PUT PATCH DELETE TRACE PROPFIND MKCOL REPORT SEARCH M-SEARCH PURGE LINK".split()
WORDS = "wp-admin .env ../etc api v1 %00 favicon.ico phpinfo.php models/none %C3%BC".split()


class Request(NamedTuple):
    """A request and its expected response.

    Attributes:
        data: The bytes on the wire.
        statuses: The expected statuses.
        identity: The X-Request-ID that the response must have.
        bodiless: True if the response has no body, as for HEAD.
    """

    data: bytes
    statuses: frozenset[int]
    identity: bytes = b""
    bodiless: bool = False


Make = Callable[[], Request]


def message(
    method: str, target: str, body: bytes = b"", *headers: bytes, host: bytes = HOST
) -> bytes:
    """Return a request as bytes."""
    length = b"Content-Length: %d\r\n" % len(body) if body or method == "POST" else b""
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"%b %b HTTP/1.1\r\n%b%b%b\r\n%b" % (
        method.encode(), target.encode(), host, length, lines, body,
    )  # fmt: skip


def head(name: str, value: str) -> bytes:
    """Return a header line."""
    return f"{name}: {value}".encode()


class Requests:
    """Draws requests to a model of nine integer features from 1 to 10, by weight of their kind."""

    def __init__(self, names: Sequence[str], model: str, draw: Random) -> None:
        self._names, self._model, self._draw = names, model, draw
        self._count = 0
        weights = self._weights()
        self._kinds, self._weights_of_kinds = list(weights), list(weights.values())
        self._bodies = [self._one() for _ in range(1000)]
        self._large = json.dumps({"instances": self._rows(LARGE_ROWS)}).encode()
        self._arrow = self._arrow_stream()

    def drawn(self, count: int) -> list[Request]:
        """Return `count` random requests."""
        kinds = self._draw.choices(self._kinds, self._weights_of_kinds, k=count)
        return [make() for make in kinds]

    def of_each_kind(self) -> list[Request]:
        """Return one request of each kind."""
        return [make() for make in self._kinds]

    def _weights(self) -> dict[Make, float]:
        return {
            self.one_row: 6000,
            self.one_row_by_id: 1500,
            self.one_row_at_a_threshold: 800,
            self.one_row_to_a_host: 300,
            self.several_rows: 500,
            self.by_name: 100,
            self.by_version: 100,
            self.tensors: 150,
            self.binary_tensors: 100,
            self.compressed_tensors: 20,
            self.invocation: 40,
            self.csv: 40,
            self.ndjson: 40,
            self.arrow: 10,
            self.large: 3,
            self.metrics: 4,
            self.scrape: 3,
            self.page: 60,
            self.document: 3,
            self.unknown_path: 100,
            self.other_method: 60,
            self.invalid: 80,
            self.malformed: 50,
            self.unacceptable: 20,
        }

    # Predictions

    def _row(self) -> list[int]:
        return [self._draw.randint(1, 10) for _ in range(FEATURES)]

    def _rows(self, count: int) -> list[list[int]]:
        return [self._row() for _ in range(count)]

    def _one(self) -> bytes:
        values = zip(self._names, self._row(), strict=True)
        return b"{%b}" % b",".join(b'"%b":%d' % (name.encode(), value) for name, value in values)

    def _body(self) -> bytes:
        return self._draw.choice(self._bodies)

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _post(self, target: str, body: bytes, *headers: bytes, expected: int = 200) -> Request:
        return Request(message("POST", target, body, *headers), frozenset({expected}))

    def one_row(self) -> Request:
        return self._post("/predict", self._body())

    def one_row_by_id(self) -> Request:
        identity = b"soak-%d" % self._number()
        data = message("POST", "/predict", self._body(), b"X-Request-ID: " + identity)
        return Request(data, frozenset({200}), identity)

    def one_row_at_a_threshold(self) -> Request:
        return self._post(f"/predict?threshold={self._draw.random():.9f}", self._body())

    def one_row_to_a_host(self) -> Request:
        host = b"Host: h%d.example:80\r\n" % self._number()
        return Request(message("POST", "/predict", self._body(), host=host), frozenset({200}))

    def several_rows(self) -> Request:
        rows = {"instances": self._rows(self._draw.randint(2, 40))}
        return self._post("/predict", json.dumps(rows).encode())

    def by_name(self) -> Request:
        return self._post(f"/models/{self._model}/predict", self._body())

    def by_version(self) -> Request:
        version = f"{self._draw.getrandbits(256):064x}"
        target = f"/models/{self._model}/versions/{version}/predict"
        return self._post(target, self._body(), expected=404)

    def _infer(self, body: bytes, *headers: bytes) -> Request:
        return self._post(f"/v2/models/{self._model}/infer", body, *headers)

    def _json_tensors(self) -> bytes:
        data = [value for row in self._rows(3) for value in row]
        tensor = {"name": "input", "shape": [3, FEATURES], "datatype": "FP64", "data": data}
        parameters = {"threshold": self._draw.random()}
        request = {"id": f"{self._number()}", "parameters": parameters, "inputs": [tensor]}
        return json.dumps(request).encode()

    def tensors(self) -> Request:
        return self._infer(self._json_tensors())

    def binary_tensors(self) -> Request:
        data = struct.pack(f"<{2 * FEATURES}f", *self._row(), *self._row())
        sized = {"binary_data_size": len(data)}
        tensor = {"name": "input", "shape": [2, FEATURES], "datatype": "FP32", "parameters": sized}
        request = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
        header = json.dumps(request).encode()
        length = head("Inference-Header-Content-Length", str(len(header)))
        return self._infer(header + data, length)

    def compressed_tensors(self) -> Request:
        body = gzip.compress(self._json_tensors(), compresslevel=1)
        return self._infer(body, b"Content-Encoding: gzip")

    def invocation(self) -> Request:
        columns = {"columns": list(self._names), "data": self._rows(3)}
        return self._post("/invocations", json.dumps({"dataframe_split": columns}).encode())

    # Tables

    def csv(self) -> Request:
        lines = [",".join(self._names), *(",".join(map(str, row)) for row in self._rows(20))]
        target = f"/predict?threshold={self._draw.random():.9f}"
        return self._post(target, "\n".join(lines).encode(), head("Content-Type", CSV))

    def ndjson(self) -> Request:
        body = "\n".join(map(json.dumps, self._rows(20))).encode()
        marked = "/predict?on_error=mark"
        return self._post(marked, b"[0]\n" + body, head("Content-Type", NDJSON))

    def _arrow_stream(self) -> bytes:
        try:
            import pyarrow
        except ImportError:
            return b""
        columns = zip(*self._rows(50), strict=True)
        table = pyarrow.table(dict(zip(self._names, map(list, columns), strict=True)))
        sink = io.BytesIO()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    def arrow(self) -> Request:
        expected = 200 if self._arrow else 415
        return self._post("/predict", self._arrow, head("Content-Type", ARROW), expected=expected)

    def large(self) -> Request:
        return self._post("/predict", self._large)

    # Reads

    def _get(self, target: str, *headers: bytes) -> Request:
        return Request(message("GET", target, b"", *headers), frozenset({200}))

    def metrics(self) -> Request:
        return self._get(f"/metrics?threshold={self._draw.random():.9f}")

    def scrape(self) -> Request:
        accepted = self._draw.choice(["text/plain;version=0.0.4", "application/openmetrics-text"])
        return self._get("/metrics", head("Accept", accepted))

    def page(self) -> Request:
        paths = "/ /model /model/card /models /health /health/live /docs /ping /version /v2 "
        path = self._draw.choice(f"{paths}/v2/health/ready /docs/start.js".split())
        if self._draw.random() < 0.2:
            return Request(message("HEAD", path), frozenset({200, 405}), bodiless=True)
        return self._get(path)

    def document(self) -> Request:
        return self._get("/openapi.json")

    # Rejected requests

    def unknown_path(self) -> Request:
        path = f"/{self._draw.choice(WORDS)}/{self._draw.getrandbits(64):x}"
        return Request(message("GET", path), frozenset({404}))

    def other_method(self) -> Request:
        path = self._draw.choice(["/predict", "/metrics", "/x", f"/{self._number()}"])
        return Request(message(self._draw.choice(METHODS), path), frozenset({404, 405}))

    def invalid(self) -> Request:
        name = f"n{self._number()}"
        wrong: dict[str, object] = {**dict.fromkeys(self._names, 11), name: "x"}
        return self._post("/predict", json.dumps(wrong).encode(), expected=422)

    def malformed(self) -> Request:
        body = self._draw.randbytes(self._draw.randint(1, 200))
        return self._post("/predict", b"\xff" + body, expected=400)

    def unacceptable(self) -> Request:
        number = self._number()
        if number % 2:
            return self._post("/predict", b"{}", head("Accept", f"image/x{number}"), expected=406)
        other = head("Content-Type", f"text/x{number}")
        return self._post("/predict", b"{}", other, expected=415)
