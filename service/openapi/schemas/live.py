"""JSON Schema of the answers of GET /models/{name}/live."""

from typing import Any, Final

from service.openapi.schemas.json_schema import (
    Json,
    array_of,
    map_of,
    object_of,
    or_null,
    reference,
)
from service.openapi.schemas.reads import COUNT, METRIC
from service.openapi.schemas.responses import PROBABILITY

_FIGURES: Final = (
    "accuracy",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
)
_TEXT: Final[Json] = {"type": "string"}
_TIME: Final[Json] = {"type": "string", "format": "date-time"}
_SHARE: Final = PROBABILITY | {"type": ["number", "null"]}
_NUMBER: Final[Json] = {"type": "number"}
_CELLS: Final = ("true_negative", "false_positive", "false_negative", "true_positive")
_MATRIX: Final[Json] = {
    "anyOf": [
        object_of(dict.fromkeys(_CELLS, _NUMBER | {"minimum": 0})),
        array_of(array_of(_NUMBER | {"minimum": 0})),
    ],
    "description": "Numbers of rows; sums of weights with `weighting=coverage`. For classes, true "
    "classes by predicted ones.",
}


def live_schemas() -> dict[str, Any]:
    """Return the schemas Live, LiveTruth, LiveFigure and Drift by name."""
    period = {
        "start": _TIME,
        "rows": COUNT,
        "labels": map_of(COUNT),
        "missing": _SHARE | {"description": "Share of values that were missing."},
        "out_of_range": _SHARE | {"description": "Share of values clipped, or unknown."},
    }
    live = {
        "model": _TEXT | {"description": "Name and version of the model."},
        "from": _TIME,
        "to": _TIME,
        "by": {"type": "string", "enum": ["hour", "day", "week"]},
        "threshold": PROBABILITY,
        "rows": COUNT,
        "labels": map_of(COUNT) | {"description": "Rows by label, as they were answered."},
        "periods": array_of(object_of(period)),
        "features": array_of(reference("Drift")),
        "predictions": array_of(reference("Drift")),
        "truth": reference("LiveTruth"),
        "expected": or_null(_expected()),
        "versions": array_of(object_of({"version": _TEXT, "rows": COUNT})),
        "store": object_of({"keeps": _TEXT, "lag_seconds": _NUMBER, "dropped": COUNT}),
    }
    return {
        "Live": object_of(live, "threshold"),
        "LiveTruth": _truth(),
        "LiveFigure": _figure(),
        "Drift": _drift(),
    }


def _truth() -> Json:
    covered = object_of({"rows": COUNT, "truth": COUNT, "share": _SHARE})
    month = {
        "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
        "rows": COUNT,
        "brier": _NUMBER,
        "slope": METRIC,
    }
    of_class = dict.fromkeys(("sensitivity", "positive_predictive_value"), reference("LiveFigure"))
    optional = {
        "by_label": map_of(covered),
        "weighting": {"type": "string", "enum": ["none", "coverage"]},
        "confusion_matrix": _MATRIX,
        **dict.fromkeys(_FIGURES, reference("LiveFigure")),
        "calibration": array_of(object_of(month)),
        "classes": map_of(object_of(of_class)),
        "labels": map_of(reference("LiveTruth")),
        "labels_left_out": COUNT | {"description": "Labels without figures, of more than 20."},
        "outputs": map_of(map_of(METRIC)),
        "max_rows": COUNT,
        "is_limited": {"type": "boolean", "description": "Older rows with truth are left out."},
    }
    required = {
        "rows": COUNT | {"description": "Rows whose truth has arrived."},
        "coverage": _SHARE | {"description": "Their share of all rows."},
        "not_known": map_of(_TEXT) | {"description": "Why a figure is not known, by figure."},
    }
    return object_of(required | optional, *optional)


def _figure() -> Json:
    interval = array_of(PROBABILITY) | {"minItems": 2, "maxItems": 2}
    return object_of({"value": _SHARE, "interval": or_null(interval)})


def _expected() -> Json:
    figures = {"confusion_matrix": _MATRIX, **dict.fromkeys((*_FIGURES, "roc_auc"), _SHARE)}
    of_class = dict.fromkeys(("sensitivity", "positive_predictive_value"), _SHARE)
    labels = map_of(object_of({"rows": COUNT, **figures}))
    optional = {**figures, "labels": labels, "classes": map_of(object_of(of_class))}
    return object_of({"rows": COUNT, **optional}, *optional)


def _drift() -> Json:
    shares = dict.fromkeys(("p", "q", "missing", "out_of_range"), PROBABILITY)
    return object_of(
        {
            "name": _TEXT,
            "rows": COUNT,
            **dict.fromkeys(("psi", "psi_by_chance", "excess_psi"), _NUMBER),
            **shares,
            "drifted": {"type": "boolean"},
        }
    )
