"""service/protocol/http_protocol.py: the responses of an overloaded service."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest
from support.eventually import SECONDS, loop_until
from support.in_process_server import ServedHere

from model.prediction.predictor import Predictor
from service.overload.admission import Decide

pytestmark = pytest.mark.anyio

BODY = b'{"instances":[[5,1,1,1,2,1,3,1,1]]}'
HOST = b"Host: localhost\r\n"


def post(path: bytes = b"/predict", more: bytes = b"") -> bytes:
    head = b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n%b\r\n"
    return head % (path, HOST, len(BODY), more) + BODY


def get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\n%bAccept: text/plain;version=0.0.4\r\n\r\n" % (path, HOST)


Answer = tuple[int, dict[str, str], bytes]
READING = pytest.mark.parametrize("reading", [True, False])


class Client:
    """A client with one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> Answer:
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, body

    async def send(self, message: bytes) -> Answer:
        self.writer.write(message)
        return await self.answer()


@pytest.fixture
async def served(predictor: Predictor) -> AsyncIterator[ServedHere]:
    async with ServedHere(predictor).running() as served:
        yield served
        for each in clients_to_close:
            each.writer.close()
            with suppress(ConnectionError):
                await each.writer.wait_closed()
        clients_to_close.clear()


clients_to_close: list[Client] = []  # at the end of a test


async def connect(served: ServedHere) -> Client:
    clients_to_close.append(Client(*await asyncio.open_connection("127.0.0.1", served.port)))
    return clients_to_close[-1]


async def samples_of(served: ServedHere) -> dict[str, float]:
    """Return the samples of /metrics by name and labels."""
    _, _, text = await (await connect(served)).send(get(b"/metrics"))
    lines = (line.rsplit(" ", 1) for line in text.decode().splitlines() if line[:1] != "#")
    return {name: float(value) for name, value in lines}


@READING
async def test_a_rejection_is_a_503_with_retry_after(served: ServedHere, reading: bool) -> None:
    client = await connect(served)
    async with served.overloaded(reading=reading):
        status, headers, body = await client.send(post())
        other = await client.send(post())
    assert status == other[0] == 503
    assert headers["retry-after"] == "1"
    assert headers["content-type"] == "application/problem+json"
    assert "date" in headers
    problem = json.loads(body)
    assert problem["status"] == 503
    assert re.fullmatch("[0-9a-f]{32}", problem["instance"])
    assert problem["instance"] == headers["x-request-id"] != other[1]["x-request-id"]
    assert (await client.send(post()))[0] == 200  # on the same connection, afterwards
    samples = await samples_of(served)
    rejected = 'malignancy_refused_requests_total{reason="overloaded",route="unmatched"}'
    assert samples[rejected] == 2
    assert samples['malignancy_requests_total{route="unmatched",status="503"}'] == 2
    assert samples["malignancy_requests_in_flight"] == 1  # the request for /metrics


@READING
async def test_probes_are_answered_under_overload(served: ServedHere, reading: bool) -> None:
    client = await connect(served)
    async with served.overloaded(reading=reading):
        for path in (b"/health", b"/health/live", b"/v2/health/ready", b"/ping"):
            assert (await client.send(get(path)))[0] == 200
        client.writer.write(post() + get(b"/health/live") + post())
        assert [(await client.answer())[0] for _ in range(3)] == [503, 200, 503]


@READING
async def test_the_inference_protocol_has_its_own_error_format(
    served: ServedHere, reading: bool
) -> None:
    async with served.overloaded(reading=reading):
        status, _, body = await (await connect(served)).send(post(b"/v2/models/article/infer"))
    assert status == 503
    assert list(json.loads(body)) == ["error"]


@READING
@pytest.mark.parametrize("cut", range(1, len(post()) * 2, 7))
async def test_requests_split_at_any_byte(served: ServedHere, cut: int, reading: bool) -> None:
    client, both = await connect(served), post() * 2
    async with served.overloaded(reading=reading):
        client.writer.write(both[:cut])
        await asyncio.sleep(0.01)
        client.writer.write(both[cut:])
        assert [(await client.answer())[0] for _ in range(2)] == [503, 503]
    assert (await client.send(get(b"/health/live")))[0] == 200


@READING
async def test_invalid_requests_are_rejected_as_without_overload(
    served: ServedHere, reading: bool
) -> None:
    async with served.overloaded(reading=reading):
        bad = await (await connect(served)).send(b"POST / HTTP/1.1\r\nHost : a\r\n\r\n")
        assert bad[0] == 400
        expecting = post(more=b"Expect: 100-continue\r\n").removesuffix(BODY)
        assert (await (await connect(served)).send(expecting))[0] == 503
        client = await connect(served)
        status, headers, _ = await client.send(post(more=b"Connection: close\r\n"))
        assert (status, headers["connection"]) == (503, "close")
        assert await client.reader.read() == b""


async def test_a_short_burst_is_answered(served: ServedHere) -> None:
    clients = await asyncio.gather(*(connect(served) for _ in range(100)))
    answers = await asyncio.gather(*(client.send(post()) for client in clients))
    assert {status for status, _, _ in answers} <= {200, 503}  # 503 if the machine stalls
    assert sum(status == 200 for status, _, _ in answers) >= 30
    assert not served.context.admission.waiting


async def test_deferred_requests_are_answered(served: ServedHere) -> None:
    clients = await asyncio.gather(*(connect(served) for _ in range(10)))
    admission = served.context.admission
    admission.try_admit(admission.predictions, asyncio.get_running_loop())
    admission.predictions.overloaded = True
    answers = await asyncio.gather(*(client.send(post()) for client in clients))
    assert [status for status, _, _ in answers] == [200] * 10


async def test_a_client_that_disconnects_while_queued_leaves_nothing(
    served: ServedHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Decide] = []
    admission = served.context.admission
    with monkeypatch.context() as patch:
        patch.setattr(admission, "try_admit", lambda *_: False)
        patch.setattr(admission.predictions, "enqueue", held.append)
        for overloaded in (False, True):
            admission.predictions.overloaded = overloaded
            client = await connect(served)
            client.writer.write(post())
            await loop_until(partial(lambda count: len(held) == count, 1 + overloaded))
            client.writer.close()
        admission.predictions.overloaded = False
    await asyncio.sleep(0.1)
    for each in held:
        each(True)
        each(False)
    await loop_until(lambda: not served.server.server_state.connections)
    assert (await (await connect(served)).send(post()))[0] == 200
    assert (await samples_of(served))[
        "malignancy_requests_in_flight"
    ] == 1  # the request for /metrics
