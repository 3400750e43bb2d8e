"""Clients that count their responses while tests stop a service."""

import random
import select
import socket
import threading
import time
from collections import Counter

from support.service_process import HOST, SECONDS, answer, status_of

GRACE_SECONDS = 10
LATEST_SECONDS = GRACE_SECONDS + 5  # stress_lifecycle.py asserts 1 s
ROWS = b'{"instances":[[5,1,1,1,2,1,3,1,1]]}'
PREDICT = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % len(ROWS)


class Load:
    """Clients that send requests without end.

    Args:
        port: The port of the service.
        clients: The number of clients.
        kept_alive: True for persistent connections, False for a connection per request.
        pause_seconds: The maximum pause between two requests.

    Attributes:
        answered: The number of responses by status.
        lost: Requests that were sent completely and not answered.
        refused: The number of refused connections.
        closed: The number of connections that were closed before a request was sent.
    """

    def __init__(
        self, port: int, clients: int, *, kept_alive: bool, pause_seconds: float = 0
    ) -> None:
        self._port, self._kept_alive, self._pause_seconds = port, kept_alive, pause_seconds
        self.answered: Counter[int] = Counter()
        self.lost: list[str] = []
        self.refused = 0
        self.closed = 0
        self._end = threading.Event()
        self._clients = [threading.Thread(target=self._send_requests) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for client in self._clients:
            client.join()

    def _send_requests(self) -> None:
        head = b"" if self._kept_alive else b"Connection: close\r\n"
        request = PREDICT + head + b"\r\n" + ROWS
        while not self._end.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", self._port), SECONDS)
            except OSError:
                self.refused += 1
                time.sleep(0.02)
                continue
            with connection:
                while not self._end.is_set() and self._exchange(connection, request):
                    pass

    def _exchange(self, connection: socket.socket, request: bytes) -> bool:
        """Send one request; return True if the connection may be used again."""
        if self._pause_seconds:
            self._end.wait(random.uniform(0, self._pause_seconds))
        try:
            if select.select([connection], [], [], 0)[
                0
            ]:  # like a connection pool, check for a close
                raise ConnectionError
            connection.sendall(request)
        except OSError:
            self.closed += 1
            return False
        received = answer(connection)
        if received is None:
            self.lost.append(repr(connection))
            return False
        self.answered[status_of(received)] += 1
        return self._kept_alive and b"connection: close" not in received
