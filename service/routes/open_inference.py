"""/v2/…: routes of the Open Inference Protocol."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.codecs.open_inference.request import read_object
from service.dependencies import Dependencies
from service.inference.answer import send_answer
from service.inference.execution import is_short, run_work
from service.inference.open_inference import HEADER_LENGTH, infer, max_tensor_rows
from service.inference.open_inference_metadata import (
    model_config,
    model_metadata,
    model_statistics,
    repository_index,
    server_metadata,
)
from service.inference.request_body import read_body
from service.inference.subject import take_subject
from service.overload.threads import run_in_thread
from service.problems import Problem
from service.request_context import request_context
from service.routes.snapshot import Snapshot, json_response

MAX_INDEX_BYTES = 4096  # of the body of /v2/repository/index, {"ready": true}; fixed
MODEL_PATHS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
# Operations of Triton's client that would change the service, and why they are rejected.
_MODELS = "Models are loaded from the files in the settings, and again when a file changes."
_SHARED_MEMORY = "Shared memory is not supported; tensors are in the body."
_SETTINGS = "Traces and logs follow the settings of the service."
UNSUPPORTED = {
    "/v2/repository/models/{name}/load": _MODELS,
    "/v2/repository/models/{name}/unload": _MODELS,
    "/v2/systemsharedmemory/{operation:path}": _SHARED_MEMORY,
    "/v2/cudasharedmemory/{operation:path}": _SHARED_MEMORY,
    "/v2/trace/setting": _SETTINGS,
    "/v2/models/{name}/trace/setting": _SETTINGS,
    "/v2/logging": _SETTINGS,
}
INFER_PATHS = tuple(f"{path}/infer" for path in MODEL_PATHS)


def inference_protocol_routes(dependencies: Dependencies) -> list[BaseRoute]:
    """Return the routes of the protocol."""
    models, lifecycle = dependencies.models, dependencies.lifecycle
    max_index_bytes = min(dependencies.settings.max_body_bytes, MAX_INDEX_BYTES)

    async def server(_: Request) -> Response:
        return json_response(server_metadata(dependencies.version))

    async def live(_: Request) -> Response:
        return json_response({"live": True})

    async def ready(_: Request) -> Response:
        lifecycle.require_serving()
        return await snapshot.get()

    async def check() -> Response:
        for model in models.by_name.values():
            model.current.require_ready()
        return json_response({"ready": True})

    snapshot = Snapshot(check)

    async def metadata(request: Request) -> Response:
        return json_response(model_metadata(models, models.find(**request.path_params)))

    async def model_ready(request: Request) -> Response:
        model_version = models.find(**request.path_params)
        lifecycle.require_serving()
        model_version.require_ready()
        return json_response({"name": model_version.predictor.name, "ready": True})

    async def index(request: Request) -> Response:
        body = await read_body(request.scope, request.receive, max_index_bytes)
        if body is None:  # the client has disconnected
            return Response()
        ready_only = read_object(body).get("ready") if body else None
        if not isinstance(ready_only, bool | None):
            raise Problem(400, "ready must be true or false.")
        return json_response(repository_index(models, ready_only is True))

    async def names(_: Request) -> Response:
        return json_response({"models": list(models.by_name)})

    async def config(request: Request) -> Response:
        return json_response(model_config(models.find(**request.path_params)))

    async def statistics(request: Request) -> Response:
        parameters = request.path_params
        versions = [each for model in models.by_name.values() for each in model.versions]
        if parameters:
            versions = [models.find(**parameters)]
            if "version" not in parameters:
                versions = models.by_name[parameters["name"]].versions
        by_title = await run_in_thread(dependencies.telemetry.statistics)
        return json_response(model_statistics(versions, by_title))

    return [
        *(
            Route(path, _unsupported(reason), methods=["GET", "POST"])
            for path, reason in UNSUPPORTED.items()
        ),
        *_get(("/v2",), server),
        *_get(("/v2/health/live",), live),
        *_get(("/v2/health/ready",), ready),
        *_get(("/v2/models",), names),
        *_get(("/v2/models/stats", *(f"{path}/stats" for path in MODEL_PATHS)), statistics),
        *_get((f"{path}/config" for path in MODEL_PATHS), config),
        *_get(MODEL_PATHS, metadata),
        *_get((f"{path}/ready" for path in MODEL_PATHS), model_ready),
        Route("/v2/repository/index", index, methods=["POST"]),
        *(Route(path, InferEndpoint(dependencies, path), methods=["POST"]) for path in INFER_PATHS),
    ]


class InferEndpoint:
    """ASGI endpoint that predicts tensors.

    Content-Type and Accept are ignored, because clients of the protocol send any value or none.

    Args:
        dependencies: Models, settings, and threads for large bodies.
        route: Path template, for metrics and log lines.
    """

    def __init__(self, dependencies: Dependencies, route: str) -> None:
        self._dependencies = dependencies
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request.

        Raises:
            Problem: 400, 404, 413, 415, 422 or 503.
        """
        dependencies = self._dependencies
        request_context.get().route = self._route
        scope = take_subject(scope, dependencies.store)
        model_version = dependencies.models.find_to_predict(
            request_context.get(), **scope["path_params"]
        )
        threshold = model_version.thresholds.from_query(scope["query_string"])
        length, limiter = _header_length(scope), dependencies.limiter
        max_bytes = dependencies.settings.max_body_bytes
        body = await read_body(scope, receive, max_bytes)
        if body is not None:
            features = len(model_version.predictor.schema.features)
            short = is_short(body, features, partial(max_tensor_rows, header_length=length))
            work = partial(infer, model_version, body, length, threshold)
            answer = await run_work(limiter, short, work)
            del body, work
            await send_answer(answer, model_version, send)


def _header_length(scope: Scope) -> int | None:
    """Return the number of bytes of the body that are JSON; None for all."""
    values = {value for name, value in scope["headers"] if name == HEADER_LENGTH and value}
    if not values:
        return None
    value = values.pop()
    if values or not value.isdigit() or len(value) > 18:
        raise Problem(400, "Inference-Header-Content-Length must be one number of bytes.")
    return int(value)


def _unsupported(reason: str) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that rejects every request (400)."""

    async def reject(_: Request) -> Response:
        raise Problem(400, reason)

    return reject


def _get(paths: Iterable[str], endpoint: Callable[[Request], Awaitable[Response]]) -> list[Route]:
    return [Route(path, endpoint, methods=["GET"]) for path in paths]
