"""GET / and /openapi.json: the list of paths, and their description."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.openapi.tags import SERVICE
from service.overload.threads import run_in_thread
from service.registry.registry import ModelRegistry
from service.routes.snapshot import Snapshot, json_response


def index_router(
    models: ModelRegistry, pages: Sequence[str], openapi: Callable[[], dict[str, Any]]
) -> APIRouter:
    """Return the routes of the list of paths and of the OpenAPI document.

    Args:
        models: The models in service.
        pages: Paths that are not in the OpenAPI document.
        openapi: Returns the OpenAPI document.
    """
    router = APIRouter(tags=[SERVICE])

    def list_paths() -> Response:
        paths = sorted([*openapi()["paths"], *pages])
        return json_response({"status": "alive", "model": models.default.title, "paths": paths})

    paths = Snapshot(partial(run_in_thread, list_paths))
    document = Snapshot(partial(run_in_thread, lambda: json_response(openapi())))

    @router.get("/", summary="List all paths")
    async def index(_: Request) -> Response:
        """Title of the default model, and all paths of the service; `status` is for KServe."""
        return await paths.get()

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi_document(_: Request) -> Response:
        return await document.get()

    return router
