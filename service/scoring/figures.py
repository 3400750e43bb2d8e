"""Drift and expected quality of a scored dataset, from its counts."""

from collections import Counter
from typing import Any

import numpy as np

from model.prediction.predictor import Predictor
from service.live.answer import drift_figures
from service.live.totals import Totals
from service.live.truth import expected
from service.registry.model_version import ModelVersion
from service.scoring.counts import Counts


def figures_of(version: ModelVersion, threshold: float, counts: Counts) -> dict[str, Any]:
    """Return the fields `features`, `predictions` and `expected`, as GET /models/{name}/live.

    Args:
        version: The model.
        threshold: Decision threshold; NaN if the model has none.
        counts: Counts of all rows.
    """
    predictor = version.predictor
    totals = _totals(predictor, counts)
    reference = version.drift_reference
    drift = drift_figures(
        predictor, totals, {} if reference is None else {predictor.version: reference}
    )
    return {
        "features": [each.to_json() for each in drift.features],
        "predictions": [each.to_json() for each in drift.predictions],
        "expected": expected(predictor.schema.target, totals, threshold),
    }


def _totals(predictor: Predictor, counts: Counts) -> Totals:
    sizes: Counter[tuple[str, str]] = Counter()
    for kind, name, place in counts.bins:
        sizes[kind, name] = max(sizes[kind, name], place + 1)
    vectors = {key: np.zeros(size, np.int64) for key, size in sizes.items()}
    for (kind, name, place), count in counts.bins.items():
        vectors[kind, name][place] = count
    return Totals(
        by_version={predictor.version: vectors}, rows=Counter({predictor.version: counts.predicted})
    )
