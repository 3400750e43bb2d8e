"""Errors of a regression, from the stored predictions with truth."""

import json
from typing import Any, Final

import numpy as np

from model.metrics.threshold_metrics import regression_metrics
from model.prediction.target import Regression
from service.live.query import LiveQuery
from service.live.totals import Totals
from service.store.counting import HOUR_MICROSECONDS
from service.store.databases.database import Database
from service.store.identifiers import first_id_of
from service.store.truth import predictions_of

HOUR_MILLISECONDS: Final = HOUR_MICROSECONDS // 1000
MAX_ROWS: Final = 100_000  # the latest ones

_SELECT: Final = """
SELECT p.prediction, p.outputs,
  (SELECT f.truth FROM feedback f WHERE f.id = p.id AND f.row = p.row
   ORDER BY f.number DESC LIMIT 1)
FROM predictions p
JOIN versions v ON v.id = p.version_id
WHERE v.model = :model AND p.kind = 'answer' AND p.at >= :start AND p.at < :stop
  AND p.id >= :first AND p.id < :last
  AND EXISTS (SELECT 1 FROM feedback f WHERE f.id = p.id AND f.row = p.row)
ORDER BY p.id DESC, p.row DESC LIMIT :size
"""


def regression_errors(
    database: Database, model: str, target: Regression, query: LiveQuery, totals: Totals
) -> dict[str, Any]:
    """Return the field `truth` of a regression: errors of the latest rows with truth.

    Args:
        database: The database.
        model: Name of the model.
        target: The target of the active version.
        query: The window.
        totals: Sums over the window.
    """
    found = database.execute(
        _SELECT,
        {
            "model": model,
            "start": query.start * HOUR_MICROSECONDS,
            "stop": query.stop * HOUR_MICROSECONDS,
            "first": first_id_of(query.start * HOUR_MILLISECONDS),
            "last": first_id_of(query.stop * HOUR_MILLISECONDS),
            "size": MAX_ROWS,
        },
    )
    predictions, truths = [], []
    for prediction, outputs, truth in found:
        values, true = predictions_of(prediction, outputs), json.loads(truth)
        if len(values) == len(target.outputs) and set(true) == set(target.outputs):
            predictions.append(values)
            truths.append([true[name] for name in target.outputs])
    shape = -1, len(target.outputs)
    predicted, known = (np.array(each, float).reshape(shape) for each in (predictions, truths))
    rows = totals.rows.total()
    return {
        "rows": len(known),
        "coverage": len(known) / rows if rows else None,
        "outputs": {
            name: regression_metrics(known[:, number], predicted[:, number])
            for number, name in enumerate(target.outputs)
        },
        "max_rows": MAX_ROWS,
        "is_limited": len(found) == MAX_ROWS,
        "not_known": {},
    }
