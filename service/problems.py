"""Every refusal as RFC 9457 application/problem+json, never with a value that a client sent.

`type` is always "about:blank": the status says which kind of problem it is, `errors` the rest.
The paths of the Open Inference Protocol have that protocol's errors instead.
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
from starlette.types import Scope

from service.request_context import request_context

MEDIA_TYPE = "application/problem+json"
REFUSAL = "refusal"  # in an ASGI scope: the Problem to answer, whatever is asked for
MAX_ERRORS = 10
INFERENCE_PROTOCOL = "/v2"
MOST_CHARACTERS = 1000  # of an error of the Open Inference Protocol

# RFC 9110's names, which the standard library has only from Python 3.13.
_TITLES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
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

    def answer(self, scope: Scope) -> Response:
        """The answer to a request: a problem, or an error where the path has those."""
        path: str = scope["path"]
        if path == INFERENCE_PROTOCOL or path.startswith(f"{INFERENCE_PROTOCOL}/"):
            return self._inference_error()
        return self.response()

    def _inference_error(self) -> Response:
        """{"error": …}, of status 400 for what breaks rules, as that protocol has it."""
        told = "; ".join(f"{each['field']} {each['rule']}" for each in self.errors) or self.detail
        if len(told) > MOST_CHARACTERS:
            told = told[: MOST_CHARACTERS - 1] + "…"
        status = 400 if self.status == 422 else self.status
        return Response(to_json({"error": told}), status, self.headers, "application/json")

    def response(self) -> Response:
        """The problem as a problem document."""
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


def install_problem_handlers(app: FastAPI) -> None:
    """Answer everything that is raised on purpose as a problem; middleware does the rest (500)."""

    async def on_problem(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.answer(request.scope)

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Problem(error.status_code, headers=error.headers).answer(request.scope)

    async def on_request_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return Problem.invalid(
            # The first part of `loc` is where: query, path, body. `msg` may quote the value.
            FieldError(field=".".join(map(str, each["loc"][1:])), rule=f"breaks {each['type']}")
            for each in error.errors()
        ).answer(request.scope)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_request_validation)
