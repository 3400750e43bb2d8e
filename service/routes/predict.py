"""POST /predict: the hot path, a bare ASGI endpoint without FastAPI's machinery in between."""

from typing import Any

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.body import read_body
from service.contract import Rows
from service.current_request import current_request
from service.models import Models
from service.negotiation import require_json
from service.served import Served
from service.settings import Settings

# A body this large, some hundred rows, is worth handing to a thread so that others are not kept
# waiting.
THREAD_BYTES = 32 * 1024

PATHS = ("/predict", "/models/{name}/predict", "/models/{name}/versions/{version}/predict")


def predict_routes(models: Models, settings: Settings) -> list[BaseRoute]:
    """The routes of predictions, the default model's first."""
    return [
        Route(path, Predict(models, settings.max_body_bytes, path), methods=["POST"])
        for path in PATHS
    ]


class Predict:
    """One case in, one answer out; many in, many out."""

    def __init__(self, models: Models, max_body_bytes: int, route: str) -> None:
        self.models = models
        self.max_body_bytes = max_body_bytes
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raises Problem (400, 404, 406, 413, 415, 422)."""
        current_request.get().route = self.route
        served = self.models.find(**scope["path_params"])
        require_json(scope["headers"])
        threshold = served.thresholds.from_query(scope["query_string"])
        body = await read_body(scope, receive, self.max_body_bytes)
        if body is None:  # the client has gone
            return
        if len(body) < THREAD_BYTES:
            answered = answer(served, body, threshold)
        else:
            answered = await run_in_threadpool(answer, served, body, threshold)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answered)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answered})


def answer(served: Served, body: bytes, threshold: float) -> bytes:
    """The JSON answer to a JSON body. Raises Problem (400, 422)."""
    rows = served.contract.parse(body)
    predictions = _predictions(served, rows, threshold)
    model = {**served.thresholds.told(threshold), "model": served.title}
    if rows.single:
        return to_json({**predictions[0], **model})
    return to_json({"predictions": predictions, **model})


def _predictions(served: Served, rows: Rows, threshold: float) -> list[dict[str, Any]]:
    schema = served.predictor.schema
    answers = schema.target.answers(served.predict(rows.values, threshold), threshold)
    names = schema.names
    for row, column in rows.missing:
        answers[row].setdefault("imputed", []).append(names[column])
    return answers
