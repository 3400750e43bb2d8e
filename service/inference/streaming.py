"""Score a table chunk by chunk: receive, parse, predict, write.

Nothing is read ahead: flow control slows down a fast client, and memory stays constant. The answer
is sent when it is complete. Otherwise a client that does not read while it sends, and the
service, would wait for each other; and an invalid row near the end can still reject the whole
table.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from starlette.types import Receive, Scope

from service.codecs.blocks import (
    Block,
    Rebatcher,
    TableReader,
    TableWriter,
)
from service.codecs.charge import Charge, uncharged
from service.codecs.extra import Extra
from service.inference.answer import Answer
from service.inference.block_scorer import BlockScorer
from service.inference.request_body import declared_bytes, require_small
from service.inference.response_spool import ResponseSpool
from service.overload.limiter import WorkLimiter
from service.overload.memory import Lease, request_lease
from service.registry.model_version import ModelVersion
from service.registry.recording import OpenRecording

CHUNK_BYTES: Final = 128 * 1024  # received before a part of a table is scored
# A part is parsed in one call in a thread. Its size follows the time that the last part took, so
# that no table keeps a thread for long.
FIRST_PART_BYTES: Final = 16 * 1024
MIN_PART_BYTES: Final = 2 * 1024
MIN_PART_SECONDS, MAX_PART_SECONDS = 0.005, 0.02  # of CPU time
ANSWER_ROW_BYTES, ANSWER_ERROR_BYTES = 800, 320  # memory of a row and an error, encoded
ANSWER_COPIES = 4  # of extra columns, while they are encoded


class TableScorer:
    """Scores blocks of rows and spools the answer.

    Args:
        model_version: The model that predicts.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        writer: The encoder of the answer.
        spool: The buffer of the answer.
        recording: Records the predictions; None without a store.
        mark: Whether an invalid row is marked in the answer instead of rejecting the table.

    Raises:
        Problem: There is no room for the answer (507). The methods also raise it for the first
            block with an invalid row, without `mark` (422).
    """

    def __init__(
        self,
        model_version: ModelVersion,
        threshold: float,
        writer: TableWriter,
        spool: ResponseSpool,
        recording: OpenRecording | None = None,
        *,
        mark: bool,
    ) -> None:
        self._facts, self._recording = model_version.encoder.facts, recording
        self._writer, self._spool = writer, spool
        self._scorer = BlockScorer(model_version, threshold, recording, mark=mark)
        self._blocks = Rebatcher()
        self._begun = False

    @property
    def rows_path(self) -> str:
        """Path of the rows in errors; "" for an only row."""
        return self._scorer.rows_path

    @rows_path.setter
    def rows_path(self, path: str) -> None:
        self._scorer.rows_path = path

    @property
    def held_bytes(self) -> int:
        """Memory of rows that wait for more rows, and of the answer."""
        return self._blocks.held_bytes + self._spool.memory_bytes

    def add(self, blocks: Iterable[Block], charge: Charge = uncharged) -> None:
        """Score blocks of any size.

        Args:
            blocks: The blocks.
            charge: Called with the memory that the answer takes while it is encoded.
        """
        for received in blocks:
            if not self._begun:
                self._begin(received.extra)
            for block in self._blocks.add(received):
                self._score(block, charge)

    def finish(self, charge: Charge = uncharged) -> None:
        """Score the remaining rows.

        Args:
            charge: Called with the memory that the answer takes while it is encoded.
        """
        if not self._begun:
            self._begin(None)
        for block in self._blocks.finish():
            self._score(block, charge)
        self._spool.write(self._writer.end())

    def answer(self, content_type: str) -> Answer:
        """Return the answer with its Content-Type, after `finish`."""
        headers, kind = self._writer.headers, content_type.encode()
        rows, labels = self._scorer.predicted_rows, self._scorer.labels
        return Answer(self._spool, rows, labels, kind, headers, self._recording)

    def _begin(self, extra: Extra | None) -> None:
        if extra is not None:
            extra.errors(self._writer.taken, self._writer.columns)
        self._spool.write(self._writer.begin(extra))
        self._begun = True

    def _score(self, block: Block, charge: Charge) -> None:
        count = sum(map(len, block.errors.values()))
        size = ANSWER_ROW_BYTES * len(block.values) + ANSWER_ERROR_BYTES * count
        size += ANSWER_COPIES * block.extra_bytes
        if not block.complete:
            size += self._facts.memory_bytes(block.values)
        charge(size)
        scored = self._scorer.score(block, self._writer.taken, self._writer.columns)
        self._spool.write(self._writer.rows(scored))
        charge(-size)


async def score_body(
    reader: TableReader,
    scoring: TableScorer,
    scope: Scope,
    receive: Receive,
    max_bytes: int,
    limiter: WorkLimiter,
    is_short: Callable[[bytes], bool],
) -> bool:
    """Receive and score a body: a short one in the event loop, another part by part in threads.

    Args:
        reader: The parser of the body.
        scoring: The scorer of its blocks.
        scope: The ASGI scope.
        receive: The ASGI receive function.
        max_bytes: Maximum size of the body, in bytes.
        limiter: The threads that parse and predict.
        is_short: Whether a whole body can be scored in the event loop.

    Returns:
        False if the client disconnected.

    Raises:
        Problem: The body is malformed (400), too large (413) or invalid (422), the service is busy
            (503), or there is no room for the answer (507).
    """
    require_small(declared_bytes(scope), max_bytes)
    lease = request_lease.get()  # of what the table has between two chunks

    def score(part: bytes, last: bool) -> None:
        with lease.ledger.lease() as work:
            scoring.add(reader.feed(part, work.add), work.add)
            if last:
                scoring.add(reader.finish(), work.add)
                scoring.finish(work.add)

    part_bytes = FIRST_PART_BYTES
    with limiter.in_parts() as parts:
        async for chunk, more in receive_chunks(receive, max_bytes, lease):
            if chunk is None:
                return False
            if not more and not parts.started and is_short(chunk):
                score(chunk, last=True)
                return True
            start = 0
            while start < len(chunk) or not more:
                missing = reader.missing_bytes
                end = start + max(part_bytes, missing)
                part, last = chunk[start:end], end >= len(chunk) and not more
                if len(part) < missing and not last:  # it is only held until more arrives
                    score(part, last)
                else:
                    before = parts.seconds
                    await parts.run(score, part, last)
                    part_bytes = _next_size(part_bytes, parts.seconds - before)
                start = end
                unread = len(chunk) if start < len(chunk) else 0
                lease.resize(unread + reader.held_bytes + scoring.held_bytes)
                if last:
                    break
    return True


def _next_size(part_bytes: int, seconds: float) -> int:
    """Return the size of a table's next part.

    Invalid rows that are marked take far longer than valid ones, and a model may be large.

    Args:
        part_bytes: Size of the last part, in bytes.
        seconds: CPU time of the last part.
    """
    if seconds < MIN_PART_SECONDS:
        return min(2 * part_bytes, CHUNK_BYTES)
    if seconds > MAX_PART_SECONDS:
        return max(part_bytes // 2, MIN_PART_BYTES)
    return part_bytes


async def receive_chunks(
    receive: Receive, max_bytes: int, lease: Lease
) -> AsyncIterator[tuple[bytes | None, bool]]:
    """Yield the body in chunks of about 128 KiB, each with whether more follow.

    Yields None after the client disconnected.

    Args:
        receive: The ASGI receive function.
        max_bytes: Maximum size of the body, in bytes.
        lease: The lease that received bytes are charged to.
    """
    held: list[bytes] = []
    size = total = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            yield None, False
            return
        held.append(message.get("body", b""))
        size += len(held[-1])
        total += len(held[-1])
        require_small(total, max_bytes)
        lease.add(2 * len(held[-1]))  # and joined
        more = message.get("more_body", False)
        if size >= CHUNK_BYTES or not more:
            received = held[0] if len(held) == 1 else b"".join(held)
            held, size = [], 0
            yield received, more
