"""GET /model and /model/card: what the model is, for programs and for people."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from model.predictor import Predictor
from service.card import markdown_card
from service.threshold import Thresholds

_FACTS = (
    "description",
    "intended_use",
    "limits",
    "recipe",
    "data",
    "out_of_bag",
    "scores",
    "versions",
)


class MarkdownResponse(PlainTextResponse):
    """Markdown in UTF-8."""

    media_type = "text/markdown"


def describe(predictor: Predictor, thresholds: Thresholds) -> dict[str, Any]:
    """Everything /model answers, as plain data; a fact the artifact does not tell is null."""
    schema = predictor.schema
    return {
        "name": predictor.name,
        "version": predictor.version,
        "title": predictor.title,
        "schema": {
            "features": [feature.model_dump() for feature in schema.features],
            "target": schema.target.model_dump(),
        },
        "network": {
            **predictor.network.describe(),
            "parameters": predictor.network.layout.size,
        },
        "operating_points": dict(predictor.operating_points),
        **thresholds.told(thresholds.in_force),
        **{name: predictor.facts.get(name) for name in _FACTS},
    }


def model_router(predictor: Predictor, thresholds: Thresholds) -> APIRouter:
    """The routes of /model and /model/card."""
    router = APIRouter()
    description = describe(predictor, thresholds)
    card = markdown_card(description)

    @router.get("/model")
    async def model() -> dict[str, Any]:
        """The model's schema, network, recipe, data, scores, operating points and limits."""
        return description

    @router.get("/model/card", response_class=MarkdownResponse)
    async def model_card() -> Response:
        """The same as Markdown, to be read."""
        return MarkdownResponse(card)

    return router
