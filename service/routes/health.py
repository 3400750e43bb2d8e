"""GET /health, /health/live, /health/ready: whether the process answers, and whether it works."""

from fastapi import APIRouter

from model.errors import MalignancyError
from model.predictor import Predictor
from service.openapi import problem_responses
from service.problems import Problem


def health_router(predictor: Predictor) -> APIRouter:
    """The routes of the health checks."""
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @router.get("/health", responses=problem_responses(503))
    @router.get("/health/ready", responses=problem_responses(503))
    async def ready() -> dict[str, str]:
        """A model is loaded, and its self-test rows just gave their expected outputs."""
        try:
            predictor.replay_self_test()
        except MalignancyError as error:
            raise Problem(503, f"Not ready: {error}.", headers={"Retry-After": "10"}) from error
        return {"status": "ready", "model": predictor.title}

    return router
