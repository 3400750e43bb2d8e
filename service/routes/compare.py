"""GET /models/{name}/compare: a shadow version beside what was answered."""

from contextlib import closing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from service.comparison.shadow import UnknownVersion, compare_shadow, times_of
from service.dependencies import Dependencies
from service.inference.execution import run_work
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import METRICS
from service.problems import FieldError, Problem, service_unavailable
from service.store.databases.database import StoreError
from service.store.databases.migrations import schema_number
from service.store.store import now_microseconds

if TYPE_CHECKING:
    from service.store.store import Store

_RULES = {
    "with": "must be the first 12 or more digits of the SHA-256 of a version",
    "from": "must be an ISO 8601 date or time",
    "to": "must be an ISO 8601 date or time",
}


def compare_router(dependencies: Dependencies, store: "Store") -> APIRouter:
    """Return the route of comparisons.

    Args:
        dependencies: The parts of the service.
        store: The store of predictions.
    """
    router = APIRouter(tags=[METRICS])

    @router.get(
        "/models/{name}/compare",
        summary="Compare a shadow version",
        responses=problem_responses(404, 422, 503),
    )
    async def compare(request: Request) -> Response:
        """Predictions of a shadow version beside those that were answered, for the same rows.

        Of the latest 200 000 rows with both: how many labels agree, the differences of predictions
        and, where the truth is known, McNemar's exact test and figures of both versions with 95 %
        intervals of their differences, by a bootstrap of subjects. Labels are those at the
        threshold of the answer. The rows with the largest differences are given by their ids.
        """
        model = dependencies.models.find(request.path_params["name"]).predictor.name
        query = request.query_params
        version = query.get("with")
        if version is None:
            raise _invalid("with")
        try:
            start, stop = times_of(query, now_microseconds() + 1)
        except ValueError as error:
            raise _invalid(str(error)) from None

        def work(_: object) -> dict[str, Any]:
            with closing(store.open()) as database:
                if schema_number(database) == 0:
                    raise UnknownVersion("The store is empty.")
                return compare_shadow(database, model, version, start=start, stop=stop)

        try:
            figures = await run_work(dependencies.limiter, False, work)
        except UnknownVersion as error:
            raise Problem(404, str(error)) from None
        except StoreError:
            raise service_unavailable("The store cannot be read now.") from None
        return Response(to_json(figures), media_type="application/json")

    return router


def _invalid(name: str) -> Problem:
    return Problem.invalid([FieldError(field=name, rule=_RULES[name])])
