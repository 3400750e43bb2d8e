"""GET / and /openapi.json: the page or the list of paths, and their description."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from service.openapi.tags import SERVICE
from service.overload.threads import run_in_thread
from service.page.page import HTML, Page, prefers_html
from service.registry.registry import ModelRegistry
from service.routes.snapshot import Snapshot, json_response

_HTML: Final[dict[str, Any]] = {
    HTML: {"schema": {"type": "string"}, "example": '<!DOCTYPE html>\n<html lang="en">…</html>'}
}
_HTML_HEADERS: Final = {
    "Cache-Control": {
        "description": "`no-cache` of the page: to be compared by its ETag before each use.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "Digest of the page.", "schema": {"type": "string"}},
}


def index_router(
    models: ModelRegistry,
    pages: Sequence[str],
    openapi: Callable[[], dict[str, Any]],
    page: Page | None,
    root_path: str | None,
) -> APIRouter:
    """Return the routes of the list of paths and of the OpenAPI document.

    Args:
        models: The models in service.
        pages: Paths that are not in the OpenAPI document.
        openapi: Returns the OpenAPI document.
        page: The page; None to answer always in JSON.
        root_path: Path prefix of the service; None for none.
    """
    vary = {} if page is None else {"Vary": "Accept"}
    router = APIRouter(tags=[SERVICE])

    def list_paths() -> Response:
        paths = sorted([*openapi()["paths"], *pages])
        content = {"status": "alive", "model": models.default.title, "paths": paths}
        return json_response(content, vary)

    paths = Snapshot(partial(run_in_thread, list_paths))
    document = Snapshot(partial(run_in_thread, lambda: json_response(openapi())))

    @router.get(
        "/",
        summary="List all paths, or get the page",
        responses={} if page is None else {200: {"content": _HTML, "headers": _HTML_HEADERS}},
    )
    async def index(request: Request) -> Response:
        """Title of the default model, and all paths of the service; `status` is for KServe.

        If Accept prefers HTML, as that of a browser does, the answer is the page for people.
        """
        headers = request.scope["headers"]
        if page is None or not prefers_html(headers):
            return await paths.get()
        if root_path and not request.scope["raw_path"]:
            # The links of the page are relative to the prefix with a slash at its end.
            return RedirectResponse(f"{root_path.rpartition('/')[2]}/", headers=vary)
        return page.index(headers)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi_document(_: Request) -> Response:
        return await document.get()

    return router
