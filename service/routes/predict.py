"""POST /predict: the hot path, a bare ASGI endpoint without FastAPI's machinery in between."""

from typing import Any

import numpy as np
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from model.arrays import Array
from model.errors import NetworkError
from model.predictor import Predictor
from service.contract import Contract, Rows
from service.negotiation import require_json
from service.problems import FieldError, Problem
from service.threshold import Thresholds

# A body this large, some hundred rows, is worth handing to a thread so that others are not kept
# waiting.
THREAD_BYTES = 32 * 1024


class Predict:
    """One patient in, one answer out; many in, many out."""

    def __init__(
        self, predictor: Predictor, thresholds: Thresholds, max_rows: int, max_body_bytes: int
    ) -> None:
        self.predictor = predictor
        self.thresholds = thresholds
        self.contract = Contract(predictor.schema, max_rows)
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raises Problem (400, 406, 413, 415, 422)."""
        require_json(scope["headers"])
        threshold = self.thresholds.from_query(scope["query_string"])
        body = await self._read(scope, receive)
        if body is None:  # the client has gone
            return
        if len(body) < THREAD_BYTES:
            answer = self.answer(body, threshold)
        else:
            answer = await run_in_threadpool(self.answer, body, threshold)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def answer(self, body: bytes, threshold: float) -> bytes:
        """The JSON answer to a JSON body. Raises Problem (400, 422)."""
        rows = self.contract.parse(body)
        predictions = self._predictions(rows, threshold)
        model = {**self.thresholds.told(threshold), "model": self.predictor.title}
        if rows.single:
            return to_json({**predictions[0], **model})
        return to_json({"predictions": predictions, **model})

    def _predictions(self, rows: Rows, threshold: float) -> list[dict[str, Any]]:
        schema = self.predictor.schema
        answers = schema.target.answers(self._predict(rows.values), threshold)
        names = schema.names
        for row, column in rows.missing:
            answers[row].setdefault("imputed", []).append(names[column])
        return answers

    def _predict(self, values: Array) -> Array:
        """(B, outputs); a feature without a range lets values in that overflow: Problem."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                predictions = self.predictor.predict(values)
            if np.isfinite(predictions).all():
                return predictions
        except NetworkError:
            pass
        rule = "must hold values small enough for a finite answer"
        raise Problem.invalid([FieldError(field="body", rule=rule)])

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body, or None when the client left. Raises Problem (413)."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit():
                self._require_small(int(value))
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            self._require_small(size)
            more = message.get("more_body", False)
        return b"".join(pieces)

    def _require_small(self, size: int) -> None:
        if size > self.max_body_bytes:
            raise Problem(413, f"The body must have at most {self.max_body_bytes} bytes.")
