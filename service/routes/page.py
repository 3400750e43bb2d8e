"""GET /page/…: scripts and styles of the page; `GET /` has its HTML."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.overload.threads import run_in_thread
from service.page.page import PREFIX, Page
from service.problems import Problem


def page_router(page: Page) -> APIRouter:
    """Return the route of the page's scripts and styles.

    Args:
        page: The page.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(f"{PREFIX}{{name}}")
    async def asset(request: Request) -> Response:
        name, headers = request.path_params["name"], request.scope["headers"]
        if not page.is_loaded(name):  # the first request reads and compresses it
            await run_in_thread(page.load, name)
        response = page.asset(name, headers)
        if response is None:
            raise Problem(404)
        return response

    return router
