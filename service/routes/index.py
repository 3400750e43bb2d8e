"""GET /: where things are."""

from typing import Any

from fastapi import APIRouter, Request

from model.predictor import Predictor


def index_router(predictor: Predictor) -> APIRouter:
    """The route of the index."""
    router = APIRouter()

    @router.get("/")
    async def index(request: Request) -> dict[str, Any]:
        """The model that is served, and every path."""
        document = request.app.openapi()
        return {"model": predictor.title, "paths": sorted(document["paths"])}

    return router
