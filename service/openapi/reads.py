"""OpenAPI operations of FastAPI's GET routes: ids, schemas of answers, and examples."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from service.codecs.negotiation import JSON
from service.live.example import example_answer
from service.openapi.comparisons import PATH as COMPARE
from service.openapi.comparisons import comparison_example, comparison_parameters
from service.openapi.parameters import (
    LIVE_PARAMETERS,
    METRIC_NAMES_PARAMETER,
    name_parameter,
    threshold_parameters,
    version_parameter,
)
from service.openapi.schemas.json_schema import Json, reference
from service.registry.curves import describe_curves
from service.registry.registry import ModelRegistry

EXAMPLE_POINTS: Final = 5  # of the curves in the example, which has up to 200

HTML: Final = "text/html"
REPORT: Final = '<!DOCTYPE html>\n<html lang="en">…</html>\n'


class Read(NamedTuple):
    """What FastAPI does not know of a GET route.

    Attributes:
        operation_id: Id of the operation, the name of a method of generated clients.
        example: The answer for the default model.
        schemas: Names of the schemas that answers in JSON may have; none for a text.
        media_type: Media type of the example.
    """

    operation_id: str
    example: Any
    schemas: tuple[str, ...] = ()
    media_type: str = JSON


def complete_reads(
    paths: Json,
    models: ModelRegistry,
    version: str,
    prefixes: Mapping[str, str],
    listed: Iterable[str],
) -> None:
    """Complete the operations of FastAPI's GET routes.

    Args:
        paths: The paths of the document; changed in place.
        models: The models in service.
        version: Version of the service.
        prefixes: Prefix of the names of each model's schemas, by model.
        listed: All paths, for the example of `GET /`.
    """
    reads = _reads(models, version, prefixes, listed)
    if COMPARE in paths:  # only with a store
        example = comparison_example(models.default.predictor)
        reads[COMPARE] = Read("compare", example, ("Comparison",))
    for path, read in reads.items():
        operation = paths[path]["get"]
        operation["operationId"] = read.operation_id
        content = operation["responses"]["200"]["content"][read.media_type]
        content["example"] = read.example
        if read.schemas:
            schemas = [reference(name) for name in read.schemas]
            content["schema"] = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        if path.startswith("/models/{name}"):
            operation["parameters"] = [name_parameter(models)]
        if "{version}" in path:
            operation["parameters"].append(version_parameter(models))
        if path == COMPARE:
            operation["parameters"] += comparison_parameters()
    current = [model.current for model in models.by_name.values()]
    for path, versions in (
        ("/metrics", [models.default]),
        ("/models/{name}/metrics", current),
        ("/models/{name}/live", current),
    ):
        parameters = paths[path]["get"].setdefault("parameters", [])
        parameters.extend(threshold_parameters(versions))
    paths["/models/{name}/live"]["get"]["parameters"].extend(LIVE_PARAMETERS)
    paths["/metrics"]["get"]["parameters"].append(METRIC_NAMES_PARAMETER)


def _reads(
    models: ModelRegistry, version: str, prefixes: Mapping[str, str], listed: Iterable[str]
) -> dict[str, Read]:
    default = models.default
    metrics = default.describe_metrics(default.thresholds.active)
    ready = {"status": "ready", **models.describe_health()}
    of_models = tuple(f"{prefix}Metrics" for prefix in prefixes.values())
    curves = describe_curves(default.predictor, EXAMPLE_POINTS)
    described, card, markdown = default.description, default.card, "text/markdown"
    return {
        "/metrics": Read("metrics", metrics, ("Metrics",)),
        "/models/{name}/metrics": Read("metrics_by_name", metrics, of_models),
        "/models/{name}/curves": Read("curves_by_name", curves, ("Curves",)),
        "/models/{name}/versions/{version}/curves": Read("curves_by_version", curves, ("Curves",)),
        "/models/{name}/live": Read("live_by_name", example_answer(default), ("Live",)),
        "/model": Read("model", described, ("ModelDescription",)),
        "/models/{name}": Read("model_by_name", described, ("ModelDescription",)),
        "/model/card": Read("model_card", card, media_type=markdown),
        "/models/{name}/card": Read("model_card_by_name", card, media_type=markdown),
        "/models/{name}/report": Read("report_by_name", REPORT, media_type=HTML),
        "/models/{name}/versions/{version}/report": Read(
            "report_by_version", REPORT, media_type=HTML
        ),
        "/models": Read("models", models.describe(), ("ModelList",)),
        "/health/live": Read("health_live", {"status": "live"}, ("Liveness",)),
        "/health/ready": Read("health_ready", ready, ("Health",)),
        "/health": Read("health", ready, ("Health",)),
        "/ping": Read("ping", f"{default.title}\n", media_type="text/plain"),
        "/version": Read("version", version, media_type="text/plain"),
        "/": Read(
            "index",
            {"status": "alive", "model": default.title, "paths": sorted(listed)},
            ("Index",),
        ),
    }
