"""Load by clients that open a connection for each request, as an open and as a closed loop.

Written on epoll, since an event loop with callbacks generates half as many connections a second. A
latency is the time from the start of the connection to the complete response.
"""

import errno
import select
import socket
import time
from bisect import bisect_right
from collections.abc import Callable

import httptools
import numpy as np

from benchmarks.harness.closed_loop import Request
from benchmarks.harness.phase import Phase

MAX_OPEN = 12_000  # connections at a time; further arrivals are not sent
TURN = 64  # connections that are opened before responses are read again
DRAIN_SECONDS = 5.0
READ_BYTES = 65536


class _Exchange:
    """One connection with its request and its response."""

    __slots__ = ("is_complete", "parser", "sent", "socket", "unsent")

    def __init__(self, connection: socket.socket, message: bytes, sent: float) -> None:
        self.socket, self.unsent, self.sent = connection, memoryview(message), sent
        self.parser = httptools.HttpResponseParser(self)
        self.is_complete = False

    def on_message_complete(self) -> None:
        self.is_complete = True

    def write(self) -> None:
        """Send what the socket takes; after a reset, the response may still be readable."""
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = self.unsent[:0]

    def read(self) -> bool:
        """Read what has arrived; return whether the exchange has ended."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True
        if data:
            self.parser.feed_data(data)
        return self.is_complete or not data


class NewConnections:
    """Clients that open a connection for each request.

    Args:
        port: The server's port.
        request: The request; `Connection: close` is added.
    """

    def __init__(self, port: int, request: Request) -> None:
        closing = {**request.headers, "Connection": "close"}
        self._address = ("127.0.0.1", port)
        self._message = Request(request.path, request.body, closing, request.method).raw()
        self._generator = np.random.default_rng(0)

    def arrive(self, rate: float, seconds: float, beginning: float) -> Phase:
        """Run an open loop until its last response, or DRAIN_SECONDS longer than its duration.

        Args:
            rate: Arrivals per second (Poisson).
            seconds: The duration.
            beginning: The length of the first part, which is left out of the results.
        """
        gaps = self._generator.exponential(1 / rate, int(rate * seconds * 1.1) + 10)
        due, taken = np.cumsum(gaps).tolist(), 0

        def arrivals(now: float, are_open: int) -> int:
            nonlocal taken
            arrived = min(bisect_right(due, now) - taken, TURN)
            taken += arrived
            return min(arrived, MAX_OPEN - are_open)

        return self._run(Phase(seconds, beginning), arrivals)

    def repeat(self, clients: int, seconds: float, beginning: float) -> Phase:
        """Run a closed loop: each client opens a connection when its last one has ended.

        Args:
            clients: The number of clients.
            seconds: The duration.
            beginning: The length of the first part, which is left out of the results.
        """
        return self._run(Phase(seconds, beginning), lambda _, are_open: clients - are_open)

    def _run(self, phase: Phase, arrivals: Callable[[float, int], int]) -> Phase:
        """Run a phase; `arrivals` is the number of requests due, by time and open connections."""
        poll, exchanges = select.epoll(), dict[int, _Exchange]()
        start = time.perf_counter()
        while (now := time.perf_counter() - start) < phase.seconds + DRAIN_SECONDS:
            if now < phase.seconds:
                for _ in range(arrivals(now, len(exchanges))):
                    self._open(phase, start, poll, exchanges)
            elif not exchanges:
                break
            for descriptor, event in poll.poll(0.0005):
                exchange = exchanges[descriptor]
                if event & select.EPOLLOUT:
                    exchange.write()
                    if not exchange.unsent:
                        poll.modify(descriptor, select.EPOLLIN)
                if event & ~select.EPOLLOUT and exchange.read():
                    self._close(phase, start, exchanges.pop(descriptor))
        for exchange in exchanges.values():
            exchange.socket.close()
        poll.close()
        return phase

    def _open(
        self, phase: Phase, start: float, poll: select.epoll, exchanges: dict[int, _Exchange]
    ) -> None:
        sent = time.perf_counter()
        phase.offered.append(sent - start)
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if connection.connect_ex(self._address) not in (0, errno.EINPROGRESS):
            connection.close()
            phase.lost += 1
            return
        exchange = _Exchange(connection, self._message, sent)
        exchange.write()
        exchanges[connection.fileno()] = exchange
        events = select.EPOLLIN | select.EPOLLOUT if exchange.unsent else select.EPOLLIN
        poll.register(connection, events)

    @staticmethod
    def _close(phase: Phase, start: float, exchange: _Exchange) -> None:
        exchange.socket.close()
        if not exchange.is_complete:
            phase.lost += 1
            return
        phase.sent.append(exchange.sent - start)
        phase.latencies.append(time.perf_counter() - exchange.sent)
        phase.statuses.append(exchange.parser.get_status_code())
