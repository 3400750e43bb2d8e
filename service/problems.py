"""Error responses: RFC 9457 problem documents, which never contain a value from the request.

`type` is always "about:blank": the status is the kind of problem, and `errors` has the details.
The paths of KServe's inference protocols respond with the errors of these protocols instead.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, TypedDict

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from model.errors import bounded
from service.request_context import request_context

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 10
RETRY_SECONDS = 1  # after which a client may repeat a request that was rejected under load
INFERENCE_PROTOCOLS = ("/v1", "/v2")  # of KServe, the second one is the Open Inference Protocol
MAX_SHOWN_CHARACTERS: Final = 100  # of a client's name
MAX_ERROR_CHARACTERS = 1000  # of an error of an inference protocol

# The names of RFC 9110, which the standard library has only since Python 3.13.
_TITLES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
_DETAILS = {
    404: "There is no resource at this path.",
    405: "This path does not support this method; the Allow header lists the supported ones.",
    500: "The service failed to respond; its log has details under this request's id.",
}


_INFERENCE_PREFIXES: Final = tuple(f"{path}/" for path in INFERENCE_PROTOCOLS)
_REJECTION: Final = "malignancy.rejection"  # a key of ASGI scopes


class FieldError(TypedDict):
    """A field and the rule that it breaks.

    Attributes:
        field: The name or path of the field.
        rule: The rule, such as "must be an integer from 1 to 10".
    """

    field: str
    rule: str


class Problem(Exception):
    """An error response, raised as an exception.

    Args:
        status: The HTTP status.
        detail: The explanation; None for the status's default. Long texts are cut, see `bounded`.
        errors: The fields that break rules; the first `MAX_ERRORS` are kept, and long texts cut.
        headers: Additional headers of the response.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.title = _TITLES.get(status) or HTTPStatus(status).phrase
        self.detail = bounded(detail or _DETAILS.get(status, self.title))
        self.errors = [
            FieldError(field=bounded(each["field"]), rule=bounded(each["rule"]))
            for each in islice(errors, MAX_ERRORS)
        ]
        self.headers = headers
        super().__init__(f"{status}: {self.detail}")

    @classmethod
    def invalid(cls, errors: Iterable[FieldError]) -> "Problem":
        """Return a 422 problem: the request is well-formed, but its fields break rules."""
        return cls(422, "The request breaks the rules listed in errors.", errors)

    def response_for(self, scope: Scope) -> Response:
        """Return the response to a request, in the error format of its path.

        It forgets where it was raised: the frames refer to the body of the request, and are in
        reference cycles with the exception, which only a garbage collection would free.
        """
        self.__traceback__ = self.__context__ = None
        path: str = scope["path"]
        if path in INFERENCE_PROTOCOLS or path.startswith(_INFERENCE_PREFIXES):
            return self._inference_error()
        return self._problem_document()

    def _inference_error(self) -> Response:
        """Return `{"error": …}`; these protocols use status 400 instead of 422."""
        text = "; ".join(f"{each['field']} {each['rule']}" for each in self.errors) or self.detail
        status = 400 if self.status == 422 else self.status
        error = bounded(text, MAX_ERROR_CHARACTERS)
        return Response(to_json({"error": error}), status, self.headers, "application/json")

    def _problem_document(self) -> Response:
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request_context.get().id,
        }
        if self.errors:
            body["errors"] = self.errors
        return Response(to_json(body), self.status, self.headers, MEDIA_TYPE)


def safe_name(name: str) -> str:
    """Return a client's name with printable characters only, at most 100 of them."""
    shown = "".join(char if char.isprintable() else "?" for char in name[:MAX_SHOWN_CHARACTERS])
    return shown + "…" * (len(name) > MAX_SHOWN_CHARACTERS)


def service_unavailable(detail: str) -> Problem:
    """Return the problem for a request that cannot be answered in time: 503 with Retry-After."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def rejected_scope(scope: Scope, problem: Problem) -> dict[str, Any]:
    """Return the ASGI scope of a request that the server has rejected.

    The application responds to it, so that the response is counted and logged as all others are.

    Args:
        scope: The scope of the request.
        problem: The response.
    """
    return {**scope, _REJECTION: problem}


def rejection_of(scope: Scope) -> Problem | None:
    """Return the problem that a request was rejected with, None if it was not rejected."""
    problem: Problem | None = scope.get(_REJECTION)
    return problem


def install_problem_handlers(app: FastAPI) -> None:
    """Install handlers for all expected exceptions; the middleware handles the others (500)."""

    async def on_problem(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.response_for(request.scope)

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = _allowed(headers["Allow"])
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=headers)
        return Problem(error.status_code, headers=headers).response_for(request.scope)

    async def on_request_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return Problem.invalid(
            # The first item of `loc` is the source: query, path or body. `msg` may quote the value.
            FieldError(field=".".join(map(str, each["loc"][1:])), rule=f"breaks {each['type']}")
            for each in error.errors()
        ).response_for(request.scope)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_request_validation)


def _allowed(methods: str) -> str:
    """Return a value of Allow, sorted, with the methods that have no routes.

    HEAD is supported where there is GET, and OPTIONS on every path.

    Args:
        methods: The methods of the routes.
    """
    allowed = {*methods.split(", "), "OPTIONS"}
    return ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))
