"""Every refusal as RFC 9457 application/problem+json, never with a value that a client sent.

`type` is always "about:blank": the status says which kind of problem it is, `errors` the rest.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.current_request import current_request

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 10

# RFC 9110's names, which the standard library has only from Python 3.13.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not take this method; the Allow header lists those it takes.",
    500: "The service failed to answer; its log has more under this request's id.",
}


class FieldError(TypedDict):
    """Which field breaks which rule."""

    field: str
    rule: str


class Problem(Exception):
    """A request that is refused, with the status and the words to say so."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.title = _TITLES.get(status) or HTTPStatus(status).phrase
        self.detail = detail or _DETAILS.get(status, self.title)
        self.errors = list(errors)[:MAX_ERRORS]
        self.headers = headers
        super().__init__(f"{status}: {self.detail}")

    @classmethod
    def invalid(cls, errors: Iterable[FieldError]) -> "Problem":
        """422: well-formed, but it breaks rules."""
        return cls(422, "The request breaks the rules listed in errors.", errors)

    def response(self) -> Response:
        """The problem as an answer."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": current_request.get().id,
        }
        if self.errors:
            body["errors"] = self.errors
        return Response(to_json(body), self.status, self.headers, MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer everything that is raised on purpose as a problem; middleware does the rest (500)."""

    async def on_problem(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.response()

    async def on_http_exception(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, headers=error.headers).response()

    async def on_request_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return Problem.invalid(
            # The first part of `loc` is where: query, path, body. `msg` may quote the value.
            FieldError(field=".".join(map(str, each["loc"][1:])), rule=f"breaks {each['type']}")
            for each in error.errors()
        ).response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_request_validation)
