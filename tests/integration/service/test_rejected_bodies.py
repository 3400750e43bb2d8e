"""The body of a rejected request is freed with its response, without a garbage collection."""

import asyncio
import gc
import tracemalloc

import pytest
from support.eventually import loop_until
from support.in_process_server import ServedHere

from model.prediction.predictor import Predictor

pytestmark = pytest.mark.anyio

MIB = 2**20
ROWS = b",".join([b"[5,1,1,1,2,1,3,1,1]"] * 50_000)
# The status, the memory for requests, and the body.
BODIES: dict[str, tuple[int, int, bytes]] = {
    "malformed": (400, 64 * MIB, b'{"instances":[%b,]}' % ROWS),
    "invalid": (422, 64 * MIB, b'{"instances":[%b,[1]]}' % ROWS),
    "too large for the memory": (
        413,
        16 * MIB,
        b'{"instances" :[%b], "instances":[]}' % (ROWS + b"," + ROWS),
    ),
}


async def post(port: int, body: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    writer.write(head % len(body) + body)
    status = int((await reader.read())[9:12])
    writer.close()
    await writer.wait_closed()
    return status


@pytest.mark.parametrize("kind", BODIES)
async def test_the_body_of_a_rejected_request_is_freed(predictor: Predictor, kind: str) -> None:
    status, memory_bytes, body = BODIES[kind]
    async with ServedHere(predictor, max_request_memory_bytes=memory_bytes).running() as served:
        assert await post(served.port, body) == status
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(3):
                assert await post(served.port, body) == status
            # The thread that parsed the last one may still be about to wait for more work.
            await loop_until(lambda: tracemalloc.get_traced_memory()[0] - before < len(body) / 2)
        finally:
            tracemalloc.stop()
            gc.enable()
        assert served.context.memory.charged_bytes == 0
