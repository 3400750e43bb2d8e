"""The loop of a table: a piece of the body comes, is read, scored and written; then the next.

Nothing is read ahead, so a fast client is held back by the server's flow control, and memory stays
flat. The answer is sent when all of it is known: clients that do not read while they send would
otherwise wait for the service, and it for them; and so a bad row near the end can still refuse all.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator

import numpy as np
from starlette.types import Receive, Scope, Send

from model.arrays import Array
from model.errors import NetworkError
from model.prediction.predictor import piece_rows
from service.codecs.tabular.blocks import (
    ROW,
    Block,
    Rebatcher,
    ScoredBlock,
    TableReader,
    TableWriter,
)
from service.inference.request_body import declared_bytes, require_small
from service.inference.response_spool import ResponseSpool
from service.overload.limiter import WorkLimiter
from service.problems import MAX_ERRORS, FieldError, Problem
from service.registry.model_version import ModelVersion

PIECE_BYTES = 128 * 1024  # read at once: some milliseconds of a thread
TOO_LARGE = FieldError(field=ROW, rule="must hold values small enough for a finite answer")


class TableScorer:
    """Scores blocks and spools the answer. mark: bad rows are told of where they stand.

    What it predicted is counted at the end, since before that all may be refused.

    Raises Problem (422, 507): without `mark` for the first block with a bad row.
    """

    def __init__(
        self,
        model_version: ModelVersion,
        threshold: float,
        writer: TableWriter,
        spool: ResponseSpool,
        *,
        mark: bool,
    ) -> None:
        self._served, self._threshold, self._mark = model_version, threshold, mark
        self._writer, self._spool = writer, spool
        self._blocks = Rebatcher()
        self._rows = 0
        self._predicted_rows = 0
        self._labels: Counter[str] = Counter()
        spool.write(writer.begin())

    def add(self, blocks: Iterable[Block]) -> None:
        """Blocks of any size."""
        for some in blocks:
            for block in self._blocks.add(some):
                self._score(block)

    def finish(self) -> None:
        """The rows that are left. Raises Problem (422) where there were none at all."""
        for block in self._blocks.finish():
            self._score(block)
        if not self._rows:
            raise Problem.invalid([FieldError(field="rows", rule="must have at least one row")])
        self._spool.write(self._writer.end())
        self._served.record(self._predicted_rows, self._labels)

    def _score(self, block: Block) -> None:
        scored = self._scored(block)
        if scored.block.errors and not self._mark:
            raise Problem.invalid(_numbered(scored.block, self._rows))
        self._spool.write(self._writer.rows(scored))
        self._rows += len(block.values)

    def _scored(self, block: Block) -> ScoredBlock:
        """Good rows with predictions; of a block that refuses everything, perhaps without any."""
        good: Array = np.ones(len(block.values), dtype=bool)
        good[list(block.errors)] = False
        if block.errors and not self._mark:
            return ScoredBlock(block, np.empty((0, 0)), good)
        try:
            return self._predicted(block, good)
        except Problem:  # some rows overflow
            errors = dict(block.errors)
            infinite = np.flatnonzero(good)[~self._is_finite(block.values[good])]
            good[infinite] = False
            errors |= {row: [TOO_LARGE] for row in infinite.tolist()}
            if len(errors) == len(block.errors):  # together only
                raise
            block = Block(block.values, dict(sorted(errors.items())))
            return self._predicted(block, good)

    def _predicted(self, block: Block, good: Array) -> ScoredBlock:
        outputs = len(self._served.predictor.schema.target.names)
        if not good.any():
            return ScoredBlock(block, np.empty((0, outputs)), good)
        everything = bool(good.all())
        values = block.values if everything else block.values[good]
        predictions = self._served.predict(values)
        self._predicted_rows += len(predictions)
        self._labels.update(self._served.count_labels(predictions, self._threshold))
        return ScoredBlock(block, predictions, None if everything else good)

    def _is_finite(self, values: Array) -> Array:
        """Which rows have finite inputs and predictions: (B,) bool."""
        predictor = self._served.predictor
        encoder = predictor.encoder
        with np.errstate(over="ignore", invalid="ignore"):
            # As `encode` does it, which refuses all rows for one.
            inputs = (encoder.expand(values) - encoder.center) / encoder.spread
            finite = np.asarray(np.isfinite(inputs).all(axis=1))
            if finite.any():
                try:
                    predictions = predictor.predict(values[finite])
                except NetworkError:
                    return finite
                finite[finite] = np.isfinite(predictions).all(axis=1)
        return finite


def _numbered(block: Block, start: int) -> Iterator[FieldError]:
    """The first errors, with their rows' numbers."""
    told = 0
    for row, errors in block.errors.items():
        for each in errors:
            place = "" if each["field"] == ROW else f".{each['field']}"
            yield FieldError(field=f"rows.{start + row}{place}", rule=each["rule"])
            told += 1
            if told == MAX_ERRORS:
                return


def in_blocks(values: Array) -> Iterator[Block]:
    """Rows (N, F) that are known to be good."""
    rows = piece_rows(values.shape[1])
    for start in range(0, len(values), rows):
        yield Block(values[start : start + rows])


async def score_body(
    reader: TableReader,
    scoring: TableScorer,
    scope: Scope,
    receive: Receive,
    max_bytes: int,
    limiter: WorkLimiter,
) -> bool:
    """Read and score a body; whether the client is still there. Raises Problem (4xx, 503, 507)."""
    require_small(declared_bytes(scope), max_bytes)

    def take(piece: bytes) -> None:
        scoring.add(reader.feed(piece))

    def finish() -> None:
        scoring.add(reader.finish())
        scoring.finish()

    work = limiter.run
    async for piece in _pieces(receive, max_bytes):
        if piece is None:
            return False
        await work(take, piece)
        work = limiter.run_next
    await work(finish)
    return True


async def _pieces(receive: Receive, max_bytes: int) -> AsyncIterator[bytes | None]:
    """The body in pieces worth a thread's while; None when the client has left."""
    held: list[bytes] = []
    size = total = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            yield None
            return
        held.append(message.get("body", b""))
        size += len(held[-1])
        total += len(held[-1])
        require_small(total, max_bytes)
        more = message.get("more_body", False)
        if size >= PIECE_BYTES or not more:
            piece = b"".join(held)
            held, size = [], 0
            for start in range(0, len(piece), PIECE_BYTES):
                yield piece[start : start + PIECE_BYTES]


async def send_spooled(spool: ResponseSpool, media_type: str, send: Send) -> None:
    """Answer 200 with all that was written."""
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % spool.size),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for chunk in spool.chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
