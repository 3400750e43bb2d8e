"""A reverse proxy that fails in given ways before it forwards requests to a service."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final, Literal

import httpx

Fault = tuple[int, dict[str, str]] | Literal["close", "half", "silence"]
_PAGE: Final = b"<html>Bad gateway</html>"


class FaultyProxy(ThreadingHTTPServer):
    """The proxy.

    Attributes:
        faults: What happens to the next requests: a status with headers, "close" (the connection is
            closed without an answer), "half" (it is closed within one) or "silence".
        received: Method, path and body of each request.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.faults: list[Fault] = []
        self.received: list[tuple[str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, *faults: Fault) -> None:
        self.faults[:] = faults
        self.received.clear()


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append((self.command, self.path, body))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if fault == "silence":
            self.rfile.read(1)  # until the client closes the connection
            self.close_connection = True
        elif fault == "close":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            self.close_connection = True
        elif fault is not None:
            self._send(fault[0], fault[1], _PAGE)
        else:
            hidden = {"host", "connection", "content-length"}
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in hidden
            }
            answered = httpx.request(
                self.command, self.server.target + self.path, headers=headers, content=body
            )
            kept = ("content-type", "x-request-id", "malignancy-model", "malignancy-threshold")
            passed = {name: answered.headers[name] for name in kept if name in answered.headers}
            self._send(answered.status_code, passed, answered.content)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def faulty_proxy(target: str, faults: Sequence[Fault] = ()) -> Iterator[FaultyProxy]:
    """Run a proxy in a thread within the context.

    Args:
        target: Address of the service.
        faults: What happens to the first requests.
    """
    with FaultyProxy(target) as proxy:
        proxy.faults[:] = faults
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
