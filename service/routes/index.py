"""GET /: the list of paths."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from service.openapi.tags import SERVICE
from service.registry.registry import ModelRegistry


def index_router(models: ModelRegistry, pages: Sequence[str]) -> APIRouter:
    """Return the route of the list of paths.

    Args:
        models: The models in service.
        pages: Paths that are not in the OpenAPI document.
    """
    router = APIRouter(tags=[SERVICE])

    @router.get("/", summary="List all paths")
    async def index(request: Request) -> dict[str, Any]:
        """Title of the default model, and all paths of the service."""
        paths = sorted([*request.app.openapi()["paths"], *pages])
        return {"model": models.default.title, "paths": paths}

    return router
