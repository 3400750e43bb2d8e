"""GET /models/{name}/live: volume, drift and quality in a time window, from the store."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.dependencies import Dependencies
from service.live.query import LiveQuery, parse_query
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import METRICS
from service.problems import Problem
from service.routes.snapshot import Snapshot, json_response

MAX_SNAPSHOTS: Final = 32
NO_STORE: Final = (
    "This service keeps no counts of its predictions: live figures need the setting store "
    "(MALIGNANCY_STORE)."
)


def live_router(dependencies: Dependencies) -> APIRouter:
    """Return the route of the live figures."""
    router = APIRouter(tags=[METRICS])
    live, models, limiter = dependencies.live, dependencies.models, dependencies.limiter
    snapshots: OrderedDict[tuple[str, LiveQuery], Snapshot] = OrderedDict()

    async def make(name: str, query: LiveQuery) -> Response:
        assert live is not None
        return await limiter.run(_response, live.answer, name, query)

    @router.get(
        "/models/{name}/live",
        summary="Get the volume, drift and quality of a model in a time window",
        responses=problem_responses(404, 422, 503),
    )
    async def live_figures(request: Request) -> Response:
        """Figures from the counts of the store, of all versions of the model together.

        Without `from`, the last 7 days. Drift is that of the active version's training rows;
        `rows` of a feature counts the rows of versions with the same bins. `truth` has the
        figures of the rows whose truth has arrived, and in `not_known` those that the rows with
        truth do not determine, with the reason. `expected` is an estimate from the probabilities,
        right as far as they are calibrated. Computed at most once a second for a query.
        """
        name = request.path_params["name"]
        model_version = models.find(name)
        if live is None:
            raise Problem(404, NO_STORE)
        key = name, parse_query(request.scope["query_string"], model_version.thresholds)
        snapshot = snapshots.get(key)
        if snapshot is None:
            snapshot = snapshots[key] = Snapshot(partial(make, *key))
            if len(snapshots) > MAX_SNAPSHOTS:
                snapshots.popitem(last=False)
        else:
            snapshots.move_to_end(key)
        return await snapshot.get()

    return router


def _response(answer: Callable[[str, LiveQuery], object], name: str, query: LiveQuery) -> Response:
    return json_response(answer(name, query))
