"""GET /docs: the OpenAPI document as an interactive page, without content of other hosts."""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from service.problems import Problem

# No content of other hosts, and no inline scripts. Swagger UI sets inline styles.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
}
ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
START: Final = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""
PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>malignancy</title>
<link rel="icon" type="image/png" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript. It shows the document <a href="openapi.json">openapi.json</a>.
</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


def docs_router() -> APIRouter:
    """Return the routes of the page and of its scripts and styles."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def page(request: Request) -> Response:
        if request.scope["raw_path"].endswith(b"/"):  # to which the links of the page are relative
            return RedirectResponse("../docs", headers=HEADERS)
        return HTMLResponse(PAGE, headers=HEADERS)

    @router.get("/docs/start.js")
    async def start(_: Request) -> Response:
        return Response(START, headers=HEADERS, media_type="text/javascript")

    @cache  # so that concurrent responses to slow clients share the memory of a file
    def content(name: str) -> bytes:
        return (files("fastapi_offline") / "static" / name).read_bytes()

    @router.get("/docs/{name}")
    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            raise Problem(404)
        headers = {**HEADERS, "Cache-Control": "max-age=86400"}
        return Response(content(name), headers=headers, media_type=ASSETS[name])

    return router
