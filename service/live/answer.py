"""The answer of GET /models/{name}/live as plain data."""

from collections.abc import Mapping
from typing import Any

from model.drift.reference import DriftReference
from model.prediction.predictor import Predictor
from model.prediction.target import Regression
from service.live.drift import WindowDrift, window_drift
from service.live.query import LiveQuery, iso_hour
from service.live.totals import Totals
from service.live.truth import expected, truth_figures

Json = dict[str, Any]


def live_answer(
    predictor: Predictor,
    query: LiveQuery,
    totals: Totals,
    references: Mapping[str, DriftReference],
    store: Json,
    errors: Json | None = None,
) -> Json:
    """Return all figures of a window.

    Args:
        predictor: The active version.
        query: The window.
        totals: Sums over it.
        references: References of drift by version.
        store: The field `store`.
        errors: The field `truth` of a regression; None for other targets.
    """
    target = predictor.schema.target
    drift = drift_figures(predictor, totals, references)
    threshold = {"threshold": query.threshold} if target.has_threshold else {}
    is_regression = isinstance(target, Regression)
    return {
        "model": predictor.title,
        "from": iso_hour(query.start),
        "to": iso_hour(query.stop),
        "by": query.by,
        **threshold,
        "rows": totals.rows.total(),
        "labels": dict(totals.sum("label")),
        "periods": [_period(predictor, totals, hour) for hour in query.periods],
        "features": [each.to_json() for each in drift.features],
        "predictions": [each.to_json() for each in drift.predictions],
        "truth": errors if is_regression else truth_figures(target, totals, query),
        "expected": expected(target, totals, query.threshold),
        "versions": [
            {"version": version, "rows": rows} for version, rows in totals.rows.most_common()
        ],
        "store": store,
    }


def drift_figures(
    predictor: Predictor, totals: Totals, references: Mapping[str, DriftReference]
) -> WindowDrift:
    """Return the drift of a window; none for a model without reference counts.

    Args:
        predictor: The active version.
        totals: Sums over the window.
        references: References of drift by version.
    """
    reference = references.get(predictor.version)
    return WindowDrift() if reference is None else window_drift(totals, reference, references)


def _period(predictor: Predictor, totals: Totals, hour: int) -> Json:
    rows = totals.of_period(hour, "rows").total()
    values = rows * len(predictor.schema.features)
    missing = totals.of_period(hour, "missing").total()
    outside = sum(totals.of_period(hour, kind).total() for kind in ("clipped", "unknown"))
    return {
        "start": iso_hour(hour),
        "rows": rows,
        "labels": dict(totals.of_period(hour, "label")),
        "missing": missing / values if values else None,
        "out_of_range": outside / values if values else None,
    }
