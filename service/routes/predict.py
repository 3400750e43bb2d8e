"""POST /predict and /models/…/predict, as a plain ASGI endpoint.

Most requests of the service are predictions. FastAPI's dependency injection and validation would
take longer than the prediction itself.
"""

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.codecs.negotiation import JSON_TO_JSON, negotiate
from service.inference.instances import THREAD_BYTES, encode_predictions, predict_json
from service.inference.request_body import read_body
from service.inference.tables import predict_table
from service.overload.limiter import WorkLimiter
from service.registry.registry import ModelRegistry
from service.request_context import request_context
from service.settings import Settings

PATHS = ("/predict", "/models/{name}/predict", "/models/{name}/versions/{version}/predict")


def predict_routes(models: ModelRegistry, settings: Settings, limiter: WorkLimiter) -> list[Route]:
    """Return the routes that predict, the route of the default model first.

    Args:
        models: The models in service.
        settings: Limits of bodies.
        limiter: Threads and memory for large bodies.
    """
    return [
        Route(path, PredictEndpoint(models, settings, limiter, path), methods=["POST"])
        for path in PATHS
    ]


class PredictEndpoint:
    """ASGI endpoint that predicts instances in JSON, or tables.

    Args:
        models: The models in service.
        settings: Limits of bodies.
        limiter: Threads and memory for large bodies.
        route: Path template, for metrics and log lines.
    """

    def __init__(
        self, models: ModelRegistry, settings: Settings, limiter: WorkLimiter, route: str
    ) -> None:
        self.models = models
        self.settings = settings
        self.limiter = limiter
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request.

        Raises:
            Problem: 400, 404, 406, 413, 415, 422, 503 or 507.
        """
        request_context.get().route = self.route
        model_version = self.models.find(**scope.get("path_params", {}))
        media_types = negotiate(scope["headers"])
        if media_types != JSON_TO_JSON:
            await predict_table(
                model_version, media_types, self.settings, self.limiter, scope, receive, send
            )
            return
        threshold, _ = model_version.thresholds.parse_table_query(scope["query_string"])
        body = await read_body(scope, receive, self.settings.max_body_bytes, self.limiter)
        if body is None:  # the client has disconnected
            return
        if len(body) < THREAD_BYTES and model_version.parser.is_small(body):
            rows = model_version.parser.parse(body)
            if len(rows.values) == 1:
                predictions = await model_version.predict_batched(rows.values, threshold)
            else:
                predictions = model_version.predict_and_count(rows.values, threshold)
            answer = encode_predictions(model_version, rows, predictions, threshold)
        else:
            answer = await self.limiter.run(predict_json, model_version, body, threshold)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
