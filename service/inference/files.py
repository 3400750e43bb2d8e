"""Score a table in a file that is read at any place: an Arrow file or Parquet.

Both begin at their end, where a footer lists the rows. So the body is received whole, into memory
or a temporary file, and then read part by part in threads as a stream is.
"""

import asyncio
from collections.abc import Iterable
from time import thread_time
from typing import IO, Protocol

from starlette.types import Receive, Scope

from service.codecs.blocks import Block
from service.codecs.charge import Charge
from service.inference.request_body import declared_bytes, require_small
from service.inference.response_spool import ResponseSpool
from service.inference.streaming import MAX_PART_SECONDS, TableScorer, receive_chunks
from service.overload.limiter import WorkLimiter
from service.overload.memory import request_lease
from service.overload.threads import run_in_thread


class FileReader(Protocol):
    """Parses a file. Methods raise Problem for a malformed one.

    Attributes:
        held_bytes: Memory that the reader has between two blocks.
    """

    @property
    def held_bytes(self) -> int: ...

    def blocks(self, file: IO[bytes], charge: Charge) -> Iterable[Block]:
        """Yield the rows.

        Args:
            file: The file, seekable.
            charge: Called with the memory that reading takes, and what is released after it.
        """


async def score_file(
    reader: FileReader,
    scoring: TableScorer,
    body: ResponseSpool,
    scope: Scope,
    receive: Receive,
    max_bytes: int,
    limiter: WorkLimiter,
) -> bool:
    """Receive a file, then score it.

    Args:
        reader: The parser of the file.
        scoring: The scorer of its blocks.
        body: An empty buffer for the file.
        scope: The ASGI scope.
        receive: The ASGI receive function.
        max_bytes: Maximum size of the file, in bytes.
        limiter: The threads that parse and predict.

    Returns:
        False if the client disconnected.

    Raises:
        Problem: The file is malformed (400), too large (413) or invalid (422), the service is busy
            (503), or there is no room for the file or the answer (507).
    """
    require_small(declared_bytes(scope), max_bytes)
    lease = request_lease.get()
    async for chunk, _ in receive_chunks(receive, max_bytes, lease):
        if chunk is None:
            return False
        await run_in_thread(body.write, chunk)
        lease.resize(body.memory_bytes)
    with limiter.in_parts() as parts, lease.ledger.lease() as work:
        blocks = iter(reader.blocks(body.file(), work.add))

        def score_part() -> bool:
            """Score some blocks; return whether there are more."""
            end = thread_time() + MAX_PART_SECONDS
            for block in blocks:
                scoring.add([block], work.add)
                if thread_time() > end:
                    return True
            scoring.finish(work.add)
            return False

        disconnected = asyncio.ensure_future(receive())
        try:
            while await parts.run(score_part):
                if disconnected.done():
                    return False
                lease.resize(body.memory_bytes + reader.held_bytes + scoring.held_bytes)
        finally:
            disconnected.cancel()
    return True
