"""What an overloaded service still answers, and how."""

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
from service.overload.admission import QueuedRequest

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


class Talk:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> Answer:
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, body

    async def ask(self, message: bytes) -> Answer:
        self.writer.write(message)
        return await self.answer()


@pytest.fixture
async def served(predictor: Predictor) -> AsyncIterator[ServedHere]:
    async with ServedHere(predictor).running() as served:
        yield served
        for each in talks:
            each.writer.close()
            with suppress(ConnectionError):
                await each.writer.wait_closed()
        talks.clear()


talks: list[Talk] = []  # to be closed at a test's end


async def talk(served: ServedHere) -> Talk:
    talks.append(Talk(*await asyncio.open_connection("127.0.0.1", served.port)))
    return talks[-1]


async def counted(served: ServedHere) -> dict[str, float]:
    """The samples of /metrics, by name and labels."""
    _, _, told = await (await talk(served)).ask(get(b"/metrics"))
    lines = (line.rsplit(" ", 1) for line in told.decode().splitlines() if line[:1] != "#")
    return {name: float(value) for name, value in lines}


@READING
async def test_a_refusal_says_when_to_come_again(served: ServedHere, reading: bool) -> None:
    client = await talk(served)
    async with served.overloaded(reading=reading):
        status, headers, body = await client.ask(post())
        other = await client.ask(post())
    assert status == other[0] == 503
    assert headers["retry-after"] == "1"
    assert headers["content-type"] == "application/problem+json"
    assert "date" in headers
    problem = json.loads(body)
    assert problem["status"] == 503
    assert re.fullmatch("[0-9a-f]{32}", problem["instance"])
    assert problem["instance"] == headers["x-request-id"] != other[1]["x-request-id"]
    assert (await client.ask(post()))[0] == 200  # on the same connection, afterwards
    samples = await counted(served)
    refused = 'malignancy_refused_requests_total{reason="overloaded",route="unmatched"}'
    assert samples[refused] == 2
    assert samples['malignancy_requests_total{route="unmatched",status="503"}'] == 2
    assert samples["malignancy_requests_in_flight"] == 1  # the one that asks


@READING
async def test_health_and_metrics_are_answered_all_the_same(
    served: ServedHere, reading: bool
) -> None:
    client = await talk(served)
    async with served.overloaded(reading=reading):
        for path in (b"/health", b"/health/live", b"/metrics", b"/v2/health/ready", b"/ping"):
            assert (await client.ask(get(path)))[0] == 200
        client.writer.write(post() + get(b"/health/live") + post())
        assert [(await client.answer())[0] for _ in range(3)] == [503, 200, 503]


@READING
async def test_the_inference_protocol_has_its_own_words(served: ServedHere, reading: bool) -> None:
    async with served.overloaded(reading=reading):
        status, _, body = await (await talk(served)).ask(post(b"/v2/models/article/infer"))
    assert status == 503
    assert list(json.loads(body)) == ["error"]


@READING
@pytest.mark.parametrize("cut", range(1, len(post()) * 2, 7))
async def test_wherever_the_bytes_are_cut(served: ServedHere, cut: int, reading: bool) -> None:
    client, both = await talk(served), post() * 2
    async with served.overloaded(reading=reading):
        client.writer.write(both[:cut])
        await asyncio.sleep(0.01)
        client.writer.write(both[cut:])
        assert [(await client.answer())[0] for _ in range(2)] == [503, 503]
    assert (await client.ask(get(b"/health/live")))[0] == 200


@READING
async def test_what_is_bad_is_refused_as_ever(served: ServedHere, reading: bool) -> None:
    async with served.overloaded(reading=reading):
        bad = await (await talk(served)).ask(b"POST / HTTP/1.1\r\nHost : a\r\n\r\n")
        assert bad[0] == 400
        expecting = post(more=b"Expect: 100-continue\r\n").removesuffix(BODY)
        assert (await (await talk(served)).ask(expecting))[0] == 503
        client = await talk(served)
        status, headers, _ = await client.ask(post(more=b"Connection: close\r\n"))
        assert (status, headers["connection"]) == (503, "close")
        assert await client.reader.read() == b""


async def test_none_of_a_burst_is_refused_while_it_is_soon_over(served: ServedHere) -> None:
    clients = await asyncio.gather(*(talk(served) for _ in range(100)))
    answers = await asyncio.gather(*(client.ask(post()) for client in clients))
    assert {status for status, _, _ in answers} <= {200, 503}  # 503 on a machine that stands still
    assert sum(status == 200 for status, _, _ in answers) >= 30
    assert not served.context.admission.waiting


async def test_what_waited_unread_is_answered_at_its_turn(served: ServedHere) -> None:
    clients = await asyncio.gather(*(talk(served) for _ in range(10)))
    served.context.admission.try_admit(asyncio.get_running_loop())
    served.context.admission.overloaded = True
    answers = await asyncio.gather(*(client.ask(post()) for client in clients))
    assert [status for status, _, _ in answers] == [200] * 10


async def test_who_leaves_while_it_waits_holds_nothing(
    served: ServedHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[QueuedRequest] = []
    admission = served.context.admission
    with monkeypatch.context() as patch:
        patch.setattr(admission, "try_admit", lambda _: False)
        patch.setattr(admission, "enqueue", held.append)
        for overloaded in (False, True):
            admission.overloaded = overloaded
            client = await talk(served)
            client.writer.write(post())
            await loop_until(partial(lambda count: len(held) == count, 1 + overloaded))
            client.writer.close()
        admission.overloaded = False
    await asyncio.sleep(0.1)
    for each in held:
        each.begin()
        each.reject()
    await loop_until(lambda: not served.server.server_state.connections)
    assert (await (await talk(served)).ask(post()))[0] == 200
    assert (await counted(served))["malignancy_requests_in_flight"] == 1  # the one that asks
