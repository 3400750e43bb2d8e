"""GET /model, /model/card and /models/…: metadata of the models in service."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from service.openapi.problem_responses import problem_responses
from service.openapi.tags import MODEL
from service.overload.threads import run_in_thread
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry
from service.routes.snapshot import Snapshot, json_response


class MarkdownResponse(PlainTextResponse):
    """Markdown in UTF-8."""

    media_type = "text/markdown"


def model_router(models: ModelRegistry) -> APIRouter:
    """Return the routes of the models' metadata."""
    router = APIRouter(tags=[MODEL])

    @router.get("/model", summary="Describe the model")
    async def model(_: Request) -> Response:
        """Schema, network, recipe, data, scores, operating points and limits of the default model.

        A fact that the artifact does not contain is null.
        """
        return _description(models.default)

    @router.get("/model/card", summary="Get the model card", response_class=MarkdownResponse)
    async def model_card(_: Request) -> Response:
        """Description of the default model as Markdown."""
        return MarkdownResponse(models.default.card)

    names = Snapshot(partial(run_in_thread, lambda: json_response(models.describe())))

    @router.get("/models", summary="List models and versions")
    async def list_models(_: Request) -> Response:
        """Name, active version and all versions of each model, the default model first."""
        return await names.get()

    @router.get(
        "/models/{name}",
        summary="Describe a model",
        responses=problem_responses(404, 422),
    )
    async def named_model(request: Request) -> Response:
        """Schema, network, recipe, data, scores, operating points and limits of a model."""
        return _description(models.find(request.path_params["name"]))

    @router.get(
        "/models/{name}/card",
        summary="Get the card of a model",
        response_class=MarkdownResponse,
        responses=problem_responses(404, 422),
    )
    async def named_model_card(request: Request) -> Response:
        """Description of a model as Markdown."""
        return MarkdownResponse(models.find(request.path_params["name"]).card)

    return router


def _description(model_version: ModelVersion) -> Response:
    return Response(model_version.description_json, media_type="application/json")
