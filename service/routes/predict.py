"""POST /predict: the hot path, a bare ASGI endpoint without FastAPI's machinery in between."""

from typing import Any

import numpy as np
from pydantic_core import to_json
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from model.arrays import Array
from service.body import read_body
from service.capacity import Capacity
from service.contract import Rows
from service.current_request import current_request
from service.imputation import tell_imputed
from service.models import Models
from service.negotiation import JSON_BOTH_WAYS, negotiate
from service.served import Served
from service.settings import Settings
from service.tables.answering import answer_table

# A body this large, some hundred rows, is worth handing to a thread so that others are not kept
# waiting; and one of many rows however short they are.
THREAD_BYTES = 32 * 1024

# Told at once: see `service.pieces`.
ANSWERED_ROWS = 1024
ANSWERED_NUMBERS = 2**18

PATHS = ("/predict", "/models/{name}/predict", "/models/{name}/versions/{version}/predict")


def predict_routes(models: Models, settings: Settings, capacity: Capacity) -> list[Route]:
    """The routes of predictions, the default model's first."""
    return [
        Route(path, Predict(models, settings, capacity, path), methods=["POST"]) for path in PATHS
    ]


class Predict:
    """One case in, one answer out; many in, many out."""

    def __init__(self, models: Models, settings: Settings, capacity: Capacity, route: str) -> None:
        self.models = models
        self.settings = settings
        self.capacity = capacity
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raises Problem (400, 404, 406, 413, 415, 422, 503, 507)."""
        current_request.get().route = self.route
        served = self.models.find(**scope.get("path_params", {}))
        exchange = negotiate(scope["headers"])
        if exchange != JSON_BOTH_WAYS:
            await answer_table(served, exchange, self.settings, self.capacity, scope, receive, send)
            return
        threshold, _ = served.thresholds.asked_of_table(scope["query_string"])
        body = await read_body(scope, receive, self.settings.max_body_bytes, self.capacity)
        if body is None:  # the client has gone
            return
        if len(body) < THREAD_BYTES and served.contract.is_small(body):
            rows = served.contract.parse(body)
            if len(rows.values) == 1:
                predictions = await served.predict_with_others(rows.values, threshold)
            else:
                predictions = served.predict(rows.values, threshold)
            answered = told(served, rows, predictions, threshold)
        else:
            answered = await self.capacity.run(answer, served, body, threshold)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answered)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answered})


def answer(served: Served, body: bytes, threshold: float) -> bytes:
    """The JSON answer to a JSON body. Raises Problem (400, 422)."""
    rows = served.contract.parse(body)
    return told(served, rows, served.predict(rows.values, threshold), threshold)


def told(served: Served, rows: Rows, predictions: Array, threshold: float) -> bytes:
    """The predictions of these rows as JSON."""
    model = {**served.thresholds.told(threshold), "model": served.title}
    if rows.single:
        return to_json({**_answers(served, rows, predictions, threshold)[0], **model})
    count = max(1, min(ANSWERED_ROWS, ANSWERED_NUMBERS // rows.values.shape[1]))
    pieces = (
        to_json(_answers(served, rows, predictions[first : first + count], threshold, first))[1:-1]
        for first in range(0, len(predictions), count)
    )
    return b'{"predictions":[%b],%b' % (b",".join(pieces), to_json(model)[1:])


def _answers(
    served: Served, rows: Rows, predictions: Array, threshold: float, first: int = 0
) -> list[dict[str, Any]]:
    """The answers to a piece of the rows, that from `first` on, and its predictions."""
    schema = served.predictor.schema
    answers = schema.target.answers(predictions, threshold)
    if len(rows.missing):
        missing = rows.missing
        start, end = np.searchsorted(missing[:, 0], (first, first + len(answers)))
        tell_imputed(answers, missing[start:end] - (first, 0), schema.names)
    return answers
