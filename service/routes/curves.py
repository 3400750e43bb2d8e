"""GET /models/…/curves: curves of a model over thresholds, from the rows in its artifact."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.dependencies import Dependencies
from service.inference.execution import run_work
from service.openapi.problem_responses import problem_responses
from service.openapi.tags import METRICS
from service.registry.model_version import ModelVersion

PATHS = ("/models/{name}/curves", "/models/{name}/versions/{version}/curves")


def curves_router(dependencies: Dependencies) -> APIRouter:
    """Return the routes of the curves, of the active version first."""
    router = APIRouter(tags=[METRICS])

    async def curves(request: Request) -> Response:
        """Curves on the validation, out-of-bag, training and test rows of the artifact.

        For each output with a probability: counts at up to 200 thresholds, the ROC curve, the
        precision-recall curve, the reliability curve and the decision curve, with pointwise 95 %
        intervals. A class is compared with all others. For a regression: true and predicted
        values in 10 groups of rows. Of more than 20 outputs, the first 20 have curves.
        """
        model_version = dependencies.models.find(**request.path_params)
        if "curves_json" not in vars(model_version):  # computed once a version
            await run_work(dependencies.limiter, False, partial(_compute, model_version))
        return Response(model_version.curves_json, media_type="application/json")

    for path in PATHS:
        router.get(
            path, summary="Get the curves of a model", responses=problem_responses(404, 422, 503)
        )(curves)
    return router


def _compute(model_version: ModelVersion, _: object) -> None:
    _ = model_version.curves_json
