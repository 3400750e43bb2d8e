"""The paths by which orchestrators and load balancers check the service, in all protocols.

They need no key and are answered at any load, to any host; they are logged at level debug and are
not traced.
"""

import re
from typing import Final

PATHS: Final = frozenset(
    ("/health", "/health/live", "/health/ready", "/ping", "/v2/health/live", "/v2/health/ready")
)
_MODEL_READY: Final = re.compile(r"/v2/models/[^/]+(/versions/[^/]+)?/ready")


def is_health_check(path: str) -> bool:
    """Return True for the path of a health check, or the template of its route."""
    return path in PATHS or (path.endswith("/ready") and _MODEL_READY.fullmatch(path) is not None)
