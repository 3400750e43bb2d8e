"""POST /predict: the hot path, a bare ASGI endpoint without FastAPI's machinery in between."""

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON_BOTH_WAYS, negotiate
from service.inference.instances import THREAD_BYTES, answer, told
from service.inference.request_body import read_body
from service.inference.tables import answer_table
from service.overload.limiter import Capacity
from service.registry.registry import Models
from service.request_context import current_request
from service.settings import Settings

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
