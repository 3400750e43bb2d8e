"""GET /model, /model/card, /models/…: what a model is, for programs and for people."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from service.openapi.problem_responses import problem_responses
from service.registry.registry import ModelRegistry


class MarkdownResponse(PlainTextResponse):
    """Markdown in UTF-8."""

    media_type = "text/markdown"


def model_router(models: ModelRegistry) -> APIRouter:
    """The routes of what models are."""
    router = APIRouter()

    @router.get("/model")
    async def model() -> dict[str, Any]:
        """The model's schema, network, recipe, data, scores, operating points and limits."""
        return models.default.description

    @router.get("/model/card", response_class=MarkdownResponse)
    async def model_card() -> Response:
        """The same as Markdown, to be read."""
        return MarkdownResponse(models.default.card)

    @router.get("/models")
    async def names() -> dict[str, Any]:
        """Every model by name, the default one first, with its versions."""
        return {
            "models": [
                {
                    "name": model.name,
                    "version": model.current.predictor.version,
                    "versions": [each.predictor.version for each in model.versions],
                }
                for model in models.by_name.values()
            ]
        }

    @router.get("/models/{name}", responses=problem_responses(404, 422))
    async def named_model(name: str) -> dict[str, Any]:
        """The same as /model, of a model by name."""
        return models.find(name).description

    @router.get(
        "/models/{name}/card",
        response_class=MarkdownResponse,
        responses=problem_responses(404, 422),
    )
    async def named_model_card(name: str) -> Response:
        """The same as /model/card, of a model by name."""
        return MarkdownResponse(models.find(name).card)

    return router
