"""GET /: where things are."""

from typing import Any

from fastapi import APIRouter, Request

from service.registry.registry import ModelRegistry


def index_router(models: ModelRegistry) -> APIRouter:
    """The route of the index."""
    router = APIRouter()

    @router.get("/")
    async def index(request: Request) -> dict[str, Any]:
        """The model that is served, and every path."""
        document = request.app.openapi()
        return {"model": models.default.title, "paths": sorted(document["paths"])}

    return router
