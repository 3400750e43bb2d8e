"""GET /health, /health/live, /health/ready: whether the process answers, and whether it works."""

from typing import Any

from fastapi import APIRouter

from service.lifecycle import Lifecycle
from service.openapi.problem_responses import problem_responses
from service.registry.registry import ModelRegistry


def health_router(models: ModelRegistry, lifecycle: Lifecycle) -> APIRouter:
    """The routes of the health checks."""
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @router.get("/health", responses=problem_responses(503))
    @router.get("/health/ready", responses=problem_responses(503))
    async def ready() -> dict[str, Any]:
        """The models are loaded, and their self-test rows just gave their expected outputs.

        `failures` says, by the model's name, why the last reload failed; the version before it
        goes on serving. Told to stop, the service is no longer ready, though it still answers.
        """
        lifecycle.require_serving()
        for model in models.by_name.values():
            model.current.require_ready()
        failures = {name: model.failure for name, model in models.by_name.items() if model.failure}
        return {
            "status": "ready",
            "model": models.default.title,
            "models": [model.current.title for model in models.by_name.values()],
            **({"failures": failures} if failures else {}),
        }

    return router
