"""GET /model, /model/card and /models/…: metadata of the models in service."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from service.openapi.problem_responses import problem_responses
from service.openapi.tags import MODEL
from service.registry.registry import ModelRegistry


class MarkdownResponse(PlainTextResponse):
    """Markdown in UTF-8."""

    media_type = "text/markdown"


def model_router(models: ModelRegistry) -> APIRouter:
    """Return the routes of the models' metadata."""
    router = APIRouter(tags=[MODEL])

    @router.get("/model", summary="Describe the model")
    async def model() -> dict[str, Any]:
        """Schema, network, recipe, data, scores, operating points and limits of the default model.

        A fact that the artifact does not contain is null.
        """
        return models.default.description

    @router.get("/model/card", summary="Get the model card", response_class=MarkdownResponse)
    async def model_card() -> Response:
        """Description of the default model as Markdown."""
        return MarkdownResponse(models.default.card)

    @router.get("/models", summary="List models and versions")
    async def names() -> dict[str, Any]:
        """Name, active version and all versions of each model, the default model first."""
        return models.describe()

    @router.get(
        "/models/{name}",
        summary="Describe a model",
        responses=problem_responses(404, 422),
    )
    async def named_model(name: str) -> dict[str, Any]:
        """Schema, network, recipe, data, scores, operating points and limits of a model."""
        return models.find(name).description

    @router.get(
        "/models/{name}/card",
        summary="Get the card of a model",
        response_class=MarkdownResponse,
        responses=problem_responses(404, 422),
    )
    async def named_model_card(name: str) -> Response:
        """Description of a model as Markdown."""
        return MarkdownResponse(models.find(name).card)

    return router
