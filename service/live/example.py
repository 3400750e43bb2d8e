"""An example of the answer of GET /models/{name}/live, from the rows in the artifact."""

from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.probability_bins import BINS
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, Regression
from service.live.answer import live_answer
from service.live.query import LiveQuery
from service.live.totals import BY_PERIOD, Bucket, Totals
from service.registry.model_version import ModelVersion
from service.store.counting import expected_counts

HOUR: Final = 496_728  # 2026-09-01
STORE: Final = {"keeps": "predictions", "lag_seconds": 0.0, "dropped": 0}


def example_answer(version: ModelVersion) -> dict[str, Any]:
    """Return the answer for a day with the validation rows, whose truth has arrived.

    Args:
        version: The version.
    """
    predictor = version.predictor
    query = LiveQuery(HOUR, HOUR + 24, "day", version.thresholds.active, "none")
    reference = version.drift_reference
    references = {} if reference is None else {predictor.version: reference}
    errors = {"rows": 0, "coverage": 0.0, "outputs": {}, "not_known": {}}
    totals = example_totals(version, query)
    return live_answer(predictor, query, totals, references, dict(STORE), errors)


def example_totals(version: ModelVersion, query: LiveQuery) -> Totals:
    """Return sums of the training rows by feature, and of the validation rows with their truth.

    Args:
        version: The version.
        query: The window.
    """
    predictor, totals = version.predictor, Totals()
    if version.drift_reference is not None:
        for name, (_, counts) in version.drift_reference.by_feature.items():
            _add(totals, query, predictor.version, "feature", name, counts)
    rows = predictor.validation
    _add(totals, query, predictor.version, "rows", "", np.array([len(rows.predictions)]))
    if not isinstance(predictor.schema.target, Regression):
        _add_labels(totals, query, version, rows)
    return totals


def _add(
    totals: Totals, query: LiveQuery, sha256: str, kind: str, name: str, counts: Array
) -> None:
    bucket = Bucket(query.start, sha256, kind, name, np.arange(len(counts)), counts)
    if kind in BY_PERIOD:
        totals.add_to_periods(query, [bucket])
    else:
        totals.add_to_versions([bucket])


def _add_labels(totals: Totals, query: LiveQuery, version: ModelVersion, rows: ScoredRows) -> None:
    """Add the labels, predictions and truth of the rows."""
    predictor = version.predictor
    target, sha256 = predictor.schema.target, predictor.version
    for label, count in target.tally(rows.predictions, query.threshold).items():
        _add(totals, query, sha256, "label", label, np.array([count]))
    for (kind, name, _), count in expected_counts(target, rows.predictions).items():
        _add(totals, query, sha256, kind, name, np.array([count]))
    places = np.clip(np.ceil(rows.predictions * BINS).astype(int) - 1, 0, BINS - 1)
    for number, name in enumerate(target.names):
        column = places[:, number]
        _add(totals, query, sha256, "prediction", name, np.bincount(column))
        if isinstance(target, Binary):
            is_true = rows.targets[:, 0].astype(bool)
            for truth, chosen in ((target.negative, ~is_true), (target.positive, is_true)):
                counts = np.bincount(column[chosen], minlength=1)
                _add(totals, query, sha256, "truth", f"{name}={truth}", counts)
