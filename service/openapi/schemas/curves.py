"""JSON Schema of the answers of GET /models/{name}/curves."""

from typing import Any, Final

from service.openapi.schemas.json_schema import Json, array_of, map_of, object_of, reference
from service.openapi.schemas.reads import COUNT, METRIC
from service.openapi.schemas.responses import PROBABILITY

_NUMBER: Final[Json] = {"type": "number"}
_SHARES: Final = array_of(PROBABILITY)
_SHARES_OR_NULL: Final = array_of(PROBABILITY | {"type": ["number", "null"]})
_NUMBERS: Final = array_of(_NUMBER)


def curves_schemas() -> dict[str, Any]:
    """Return the schemas Curves, PartCurves and PartGroups by name."""
    output = {"name": {"type": "string"}, "parts": map_of(reference("PartCurves"))}
    regression = {"output": {"type": "string"}, "parts": map_of(reference("PartGroups"))}
    curves = {
        "model": {"type": "string", "description": "Name and version of the model."},
        "outputs": array_of(object_of(output)),
        "outputs_left_out": COUNT | {"description": "Outputs without curves, of more than 20."},
        "loss_history": array_of({"type": "object", "additionalProperties": True}),
        "regression": array_of(object_of(regression)),
    }
    return {
        "Curves": object_of(curves, "regression"),
        "PartCurves": _part_curves(),
        "PartGroups": _part_groups(),
    }


def _part_curves() -> Json:
    bins: Json = {
        **dict.fromkeys(("low", "high", "mean"), PROBABILITY),
        **dict.fromkeys(("rows", "positives"), COUNT),
        "interval": _SHARES | {"minItems": 2, "maxItems": 2},
    }
    roc = dict.fromkeys(("false_positive_rate", "sensitivity"), _SHARES)
    precision = {"recall": _SHARES, "precision": _SHARES_OR_NULL}
    band = dict.fromkeys(("low", "high"), _SHARES_OR_NULL)
    decision = {
        "threshold": _SHARES,
        **dict.fromkeys(("net_benefit", "low", "high", "all"), _NUMBERS),
    }
    return object_of(
        {
            **dict.fromkeys(("rows", "positives"), COUNT),
            "threshold": _SHARES_OR_NULL
            | {
                "description": "Descending; a row is predicted positive strictly above it. The "
                "last one is below every probability: 0, or null if a probability is 0."
            },
            **dict.fromkeys(("true_positive", "false_positive"), array_of(COUNT)),
            "roc": object_of(roc | band),
            "precision_recall": object_of(precision | band),
            "reliability": array_of(object_of(bins)),
            "decision": object_of(decision),
            "areas": object_of(dict.fromkeys(("roc_auc", "average_precision"), METRIC)),
        }
    )


def _part_groups() -> Json:
    group = {
        "rows": COUNT,
        **dict.fromkeys(("predicted", "true"), _NUMBER),
        "residual": _NUMBERS
        | {
            "minItems": 2,
            "maxItems": 2,
            "description": "5 % and 95 % quantiles of true minus predicted values.",
        },
    }
    return object_of({"rows": COUNT, "groups": array_of(object_of(group))})
