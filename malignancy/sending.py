"""What follows from an answer, or from none: the value, another attempt, or an exception."""

from typing import Any, Final, TypeVar

import httpx

from malignancy.calls import Call
from malignancy.errors import ConnectionFailed, TimedOut, UnexpectedAnswer, service_error
from malignancy.retries import REPEATED_STATUSES, Attempts, retry_after_seconds

T = TypeVar("T")

DEFAULT_URL: Final = "http://localhost:8000"
DEFAULT_SECONDS: Final = 10.0
# Not a timeout of reading or writing: the service may still compute the answer, and another request
# would add to its load.
_REPEATED: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
)


def client_headers(api_key: str | None) -> dict[str, str]:
    """Return the headers of every request.

    Args:
        api_key: The API key; None without one.
    """
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def is_answer(call: Call[Any], response: httpx.Response) -> bool:
    """Return True if the status of a response is one that the call expects.

    Args:
        call: The call.
        response: The response.
    """
    return response.is_success or response.status_code in call.statuses


def value_of(call: Call[T], response: httpx.Response) -> T:
    """Return the value of an answer.

    Args:
        call: The call.
        response: Its answer.

    Raises:
        UnexpectedAnswer: The answer does not have the form of the service's answers.
    """
    try:
        return call.read(response)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer(
            f"{call.method} {call.path} was answered with status {response.status_code}, but not "
            f"in the form of this service ({error!r}): is the address right?"
        ) from error


def delay_after_rejection(response: httpx.Response, attempts: Attempts) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        response: A response that is no answer of the call.
        attempts: The attempts so far.

    Raises:
        ServiceError: The request is not to be repeated.
    """
    status = response.status_code
    retry_after = retry_after_seconds(response.headers.get("Retry-After"))
    if status in REPEATED_STATUSES:
        delay = attempts.next_delay(retry_after)
        if delay is not None:
            return delay
    try:
        problem = response.json()
    except ValueError:
        problem = None
    raise service_error(
        status,
        response.reason_phrase or "Unknown Status",
        problem,
        request_id=response.headers.get("X-Request-ID"),
        retry_after=retry_after,
        attempts=max(1, attempts.made),
    )


def delay_after_failure(error: httpx.RequestError, attempts: Attempts) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        error: The failure of an attempt.
        attempts: The attempts so far.

    Raises:
        ConnectionFailed: The request is not to be repeated.
    """
    if isinstance(error, _REPEATED):
        delay = attempts.next_delay()
        if delay is not None:
            return delay
    else:
        attempts.made += 1
    kind = TimedOut if isinstance(error, httpx.TimeoutException) else ConnectionFailed
    text = str(error) or type(error).__name__
    raise kind(f"{error.request.method} {error.request.url}: {text}", attempts.made) from error
