"""Exceptions of the client, all of them a `ClientError`.

- `ConnectionFailed`: no answer arrived; `TimedOut`: not within the timeout.
- `UnexpectedAnswer`: an answer that is not the service's.
- `ServiceError`: the service, or a proxy before it, rejected the request.
    - `InvalidRequest`: 400, 406, 413, 415 or 422; the request has to change.
    - `NotPermitted`: 401 or 403; no valid API key, or one without the scope.
    - `NotFound`: 404 or 410; an unknown path, model or id, or an expired id.
    - `Unavailable`: 429, 502, 503 or 504; the same request may succeed later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class ClientError(Exception):
    """Base class of the exceptions of the client."""


class ConnectionFailed(ClientError):
    """No answer arrived, in any attempt.

    Args:
        message: The error of the last attempt.
        attempts: Number of attempts.
    """

    def __init__(self, message: str, attempts: int) -> None:
        super().__init__(f"{message} ({attempts} attempt{'s' * (attempts != 1)})")
        self.attempts = attempts


class TimedOut(ConnectionFailed):
    """No answer arrived within the timeout."""


class UnexpectedAnswer(ClientError):
    """An answer with a status of success that does not have the form of the service's answers."""


@dataclass(frozen=True)
class FieldError:
    """A field of the request and the rule that it breaks.

    Attributes:
        field: Path of the field, such as "instances.3.mitoses".
        rule: The rule, such as "must be an integer from 1 to 10".
    """

    field: str
    rule: str


class ServiceError(ClientError):
    """The request was rejected, with the fields of the problem document (RFC 9457).

    Args:
        status: HTTP status.
        title: Name of the status.
        detail: What was wrong.
        errors: The fields that break rules; the service lists at most ten.
        request_id: Id of the request in the log of the service, if known.
        retry_after: Seconds after which the service expects the request again, if it gives them.
        attempts: Number of attempts.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
    ) -> None:
        rules = "; ".join(f"{each.field} {each.rule}" for each in errors)
        text = f"{status} {title}: {rules or detail}" if rules or detail else f"{status} {title}"
        super().__init__(text + (f" (request {request_id})" if request_id else ""))
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts


class InvalidRequest(ServiceError):
    """The request breaks a rule of the service: 400, 406, 413, 415 or 422."""


class NotPermitted(ServiceError):
    """The service needs a valid API key with the scope of the request: 401 or 403."""


class NotFound(ServiceError):
    """There is no such path, model, version or prediction, or no longer: 404 or 410."""


class Unavailable(ServiceError):
    """The service cannot answer now: 429, 502, 503 or 504. The client has repeated the request."""


_KINDS: dict[int, type[ServiceError]] = {
    **dict.fromkeys((400, 406, 413, 415, 422), InvalidRequest),
    **dict.fromkeys((401, 403), NotPermitted),
    **dict.fromkeys((404, 410), NotFound),
    **dict.fromkeys((429, 502, 503, 504), Unavailable),
}


def service_error(
    status: int,
    title: str,
    problem: Any,
    *,
    request_id: str | None = None,
    retry_after: float | None = None,
    attempts: int = 1,
) -> ServiceError:
    """Return the exception for a status that is not one of success.

    Args:
        status: HTTP status.
        title: Name of the status, where the problem has none.
        problem: The body in JSON; None for a body that is not JSON, such as a proxy's page.
        request_id: Value of the header X-Request-ID.
        retry_after: Seconds of the header Retry-After.
        attempts: Number of attempts.
    """
    fields = problem if isinstance(problem, dict) else {}
    errors = fields.get("errors")
    return _KINDS.get(status, ServiceError)(
        status,
        str(fields.get("title") or title),
        str(fields.get("detail") or ""),
        [
            FieldError(str(each.get("field", "")), str(each.get("rule", "")))
            for each in (errors if isinstance(errors, list) else [])
            if isinstance(each, dict)
        ],
        str(fields["instance"]) if fields.get("instance") else request_id,
        retry_after,
        attempts,
    )
