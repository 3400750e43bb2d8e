"""The query parameter `subject` of predictions: the person or case that the rows are about.

Only a keyed digest of it is kept, with the predictions. It appears in no log line.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from service.problems import FieldError, Problem
from service.request_context import request_context

if TYPE_CHECKING:
    from service.store.store import Store

SUBJECT: Final = "subject"
MAX_SUBJECT_BYTES: Final = 200  # in UTF-8; fixed
NEEDS_STORE: Final = (
    "needs a store that keeps predictions: set MALIGNANCY_STORE and MALIGNANCY_STORE_KEEPS"
)
NEEDS_KEY: Final = "needs the setting MALIGNANCY_STORE_SUBJECT_KEY"
RULE: Final = f"must be a text of 1 to {MAX_SUBJECT_BYTES} bytes in UTF-8"


def take_subject(scope: Scope, store: "Store | None") -> Scope:
    """Record the subject of a request in its context, and return a scope without the parameter.

    Args:
        scope: The ASGI scope of a request for predictions.
        store: The store; None without one.

    Raises:
        Problem: The subject is invalid, or cannot be kept (422).
    """
    query: bytes = scope["query_string"]
    if SUBJECT.encode() not in query and b"%" not in query:
        return scope
    parts = [part.partition(b"=") for part in query.split(b"&")]
    values = [value for name, _, value in parts if _is_subject(name)]
    if not values:
        return scope
    if len(values) > 1:
        raise _invalid("must be given once")
    if store is None or store.keeps == "counts":
        raise _invalid(NEEDS_STORE)
    request = request_context.get()
    request.subject = store.subject(read_subject(values[0]))
    if request.subject is None:
        raise _invalid(NEEDS_KEY)
    others = b"&".join(b"".join(part) for part in parts if not _is_subject(part[0]))
    return {**scope, "query_string": others}


def read_subject(encoded: bytes, *, is_query: bool = True) -> str:
    """Return a subject from its percent-encoded form.

    Args:
        encoded: The value of a query parameter, or a segment of a path.
        is_query: True if a plus sign is a space.

    Raises:
        Problem: It is empty, too long, or not UTF-8 (422).
    """
    decoded = unquote_to_bytes(encoded.replace(b"+", b" ") if is_query else encoded)
    try:
        subject = decoded.decode()
    except UnicodeDecodeError:
        raise _invalid(RULE) from None
    if not 0 < len(decoded) <= MAX_SUBJECT_BYTES:
        raise _invalid(RULE)
    return subject


def _is_subject(name: bytes) -> bool:
    return unquote_to_bytes(name.replace(b"+", b" ")) == SUBJECT.encode()


def _invalid(rule: str) -> Problem:
    return Problem.invalid([FieldError(field=SUBJECT, rule=rule)])
