"""The paths by which orchestrators and load balancers check the service, in all protocols.

They need no key and are answered at any load, to any host; they are logged at level debug and are
not traced.
"""

import os
import re
from typing import Final

from service.environment import vertex_health_path

PATHS: Final = frozenset(
    ("/health", "/health/live", "/health/ready", "/ping", "/v2/health/live", "/v2/health/ready")
)
# The path by which Vertex AI checks a container; empty elsewhere.
VERTEX_PATH: Final = vertex_health_path(os.environ)
_MODEL_READY: Final = re.compile(
    r"/v2/models/[^/]+(/versions/[^/]+)?/ready|/v1/models/[^/:]+(/versions/[^/:]+)?"
)


def is_health_check(path: str) -> bool:
    """Return True for the path of a health check, or the template of its route."""
    if path in PATHS or (path and path == VERTEX_PATH):
        return True
    return path.startswith("/v") and _MODEL_READY.fullmatch(path) is not None
