"""Make an application create its OpenAPI document when it is requested."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from service.registry.registry import ModelRegistry


def install_openapi(
    app: FastAPI,
    models: ModelRegistry,
    pages: Sequence[str],
    *,
    keys: bool,
    subjects: bool = False,
    root_path: str | None = None,
) -> None:
    """Make the app create its document from the models in service.

    The document is created when it is first needed, and again after a model was reloaded. The
    modules that describe the paths take 0.8 MB, so they are imported then.

    Args:
        app: The application, with all routes.
        models: The models in service.
        pages: Paths that are not in the document, for the example of `GET /`.
        keys: Whether requests need an API key.
        subjects: Whether a store keeps digests of subjects.
        root_path: Path prefix of the service; None for none.
    """
    documented: list[str] = []

    def openapi() -> dict[str, Any]:
        titles = [model.current.title for model in models.by_name.values()]
        if app.openapi_schema is None or titles != documented:
            from service.openapi.document import openapi_document

            app.openapi_schema = openapi_document(
                app, models, pages, keys=keys, subjects=subjects, root_path=root_path
            )
            documented[:] = titles
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
