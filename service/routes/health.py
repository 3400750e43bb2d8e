"""GET /health/live, /health/ready and /health: liveness and readiness checks."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.dependencies import Dependencies
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import HEALTH
from service.routes.snapshot import Snapshot, json_response


def readiness_check(dependencies: Dependencies) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that checks all models."""
    models = dependencies.models

    async def check() -> Response:
        for model in models.by_name.values():
            model.current.require_ready()
        fields = {"status": "ready", **models.describe_health()}
        if dependencies.telemetry.store is not None:
            fields["store"] = dependencies.telemetry.store.health()
        return json_response(fields)

    snapshot = Snapshot(check)

    async def ready(_: Request) -> Response:
        """200 while all models are ready and the service is not shutting down.

        A model is ready if it reproduces the predictions of its self-test rows. `failures`
        has, by the name of the model, the error of a failed reload, why its object store cannot be
        read, and how long ago its files were checked if that is more than 30 s; the active version
        continues to serve. A `store` that is degraded does not change the status: answers do not
        wait for it.
        """
        dependencies.lifecycle.require_serving()
        return await snapshot.get()

    return ready


def health_router(dependencies: Dependencies) -> APIRouter:
    """Return the routes of the health checks."""
    router = APIRouter(tags=[HEALTH])

    live_response = json_response({"status": "live"})

    @router.get("/health/live", summary="Check that the service is live")
    async def live(_: Request) -> Response:
        """200 while the process answers."""
        return live_response

    ready = readiness_check(dependencies)
    for path in ("/health/ready", "/health"):
        router.get(
            path, summary="Check that the service is ready", responses=problem_responses(503)
        )(ready)
    return router
