"""GET /models/…/report: the HTML report that training wrote beside the artifact."""

from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from service.dependencies import Dependencies
from service.inference.execution import run_work
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import MODEL
from service.registry.reports import read_report

PATHS = ("/models/{name}/report", "/models/{name}/versions/{version}/report")
# A report has inline styles and embedded pictures, and neither scripts nor forms.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def report_router(dependencies: Dependencies) -> APIRouter:
    """Return the routes of the reports, of the active version first."""
    router = APIRouter(tags=[MODEL])

    async def report(request: Request) -> Response:
        """Report of a model: metrics, curves, data, training and model card, as an HTML page.

        It is the file beside the artifact. 404 if there is none, or it is of another version.
        """
        model_version = dependencies.models.find(**request.path_params)
        work = partial(read_report, model_version)
        return HTMLResponse(await run_work(dependencies.limiter, False, work), headers=HEADERS)

    for path in PATHS:
        router.get(
            path,
            summary="Get the report of a model",
            response_class=HTMLResponse,
            responses={
                200: {"headers": {"Cache-Control": {"schema": {"type": "string"}}}},
                **problem_responses(404, 422, 503),
            },
        )(report)
    return router
