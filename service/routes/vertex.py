"""The paths that Vertex AI gives to a container, in the variables AIP_PREDICT_ROUTE and so on.

Source:
    https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

import os

from starlette.routing import Route

from service.dependencies import Dependencies
from service.environment import (
    HEALTH_ROUTE_VARIABLE,
    PREDICT_ROUTE_VARIABLE,
    ROUTE_RULE,
    is_route,
    vertex_path,
)
from service.routes.health import readiness_check
from service.routes.mlflow import InvocationsEndpoint
from service.settings import VariableError


def vertex_predict_routes(dependencies: Dependencies) -> list[Route]:
    """Return the route that predicts with the default model; none without its variable.

    Raises:
        SettingError: The variable is not a path.
    """
    return [
        Route(path, InvocationsEndpoint(dependencies, path), methods=["POST"])
        for path in _paths(PREDICT_ROUTE_VARIABLE)
    ]


def vertex_health_routes(dependencies: Dependencies) -> list[Route]:
    """Return the route of the health check; none without its variable.

    Raises:
        SettingError: The variable is not a path.
    """
    return [
        Route(path, readiness_check(dependencies), methods=["GET"])
        for path in _paths(HEALTH_ROUTE_VARIABLE)
    ]


def _paths(variable: str) -> list[str]:
    path = vertex_path(os.environ, variable)
    if path and not is_route(path):
        raise VariableError(variable, ROUTE_RULE)
    return [path] if path else []
