"""What is known of the request being answered: who handles a part of it fills that in."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class RequestContext:
    """id: as on the answer. route: its template, "" until one is known. model: the title of what
    predicted, if anything did. rows: how many it predicted. held_bytes: of the capacity for bodies.
    """

    id: str
    route: str = ""
    model: str = ""
    rows: int = 0
    held_bytes: int = 0


# Called after each request with its context, method, status and seconds.
AccessLog = Callable[[RequestContext, str, int, float], None]

# Outside of a request its id is "-". A thread of the pool sees the request it works for.
request_context: ContextVar[RequestContext] = ContextVar(
    "current_request",
    default=RequestContext("-"),  # noqa: B039 - what is written there, nobody reads
)
