"""Responses to GET requests, made at most once a second whatever the number of requests."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from time import monotonic
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

FRESH_SECONDS = 1.0


class Snapshot:
    """A response that is made when it is requested and the last one is not fresh.

    Requests that arrive while it is made wait for it. An exception is kept as a response is.

    Args:
        make: Makes the response.
    """

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Response]]) -> None:
        self._make = make
        self._task: asyncio.Task[Response] | None = None
        self._fresh_until = -math.inf

    async def get(self) -> Response:
        """Return the response. Raises what `make` has raised."""
        task = self._task
        if task is None or task.cancelled() or (task.done() and monotonic() >= self._fresh_until):
            self._fresh_until = monotonic() + FRESH_SECONDS
            task = self._task = asyncio.create_task(self._make())
        # A request that is cancelled does not cancel the task, for which others may wait.
        return task.result() if task.done() else await asyncio.shield(task)


def json_response(content: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON document.

    Args:
        content: The document.
        headers: Further headers.
    """
    return Response(to_json(content), headers=headers, media_type="application/json")
