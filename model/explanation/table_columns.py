"""Explanations of the rows of a table, as columns beside their predictions."""

from typing import Any

import numpy as np

from model.arrays import Array
from model.explanation.certainty import Certainty, Evidence, certainty
from model.explanation.counterfactuals import Counterfactuals, counterfactuals
from model.explanation.distance import UNLIKE_PERCENTILE
from model.explanation.parts import finish
from model.explanation.reference import reference_of
from model.explanation.sampling import shapley_values
from model.prediction.predictor import Predictor
from model.prediction.target import MultiLabel

SEPARATOR = "; "


def explanation_columns(
    reference: str, predictor: Predictor, rows: Array, threshold: float
) -> dict[str, Array]:
    """Return the explanations of rows as columns.

    Args:
        reference: Name of the reference rows, see `reference_of`.
        predictor: The model.
        rows: Valid raw rows, `(B, F)`.
        threshold: Decision threshold for labels.

    Returns:
        Columns `(B,)` by name: Shapley values of the probability, or number; what would change the
        label; prediction set or interval; range of the members; distance from the training rows.

    Raises:
        DataError: The model has no such reference rows.
    """
    chosen, evidence = reference_of(predictor, reference), finish(Evidence.of(predictor))
    names = predictor.schema.target.names
    infix = [f"{name}_" for name in names] if len(names) > 1 else [""]
    found: list[dict[str, Any]] = []
    for row in rows:
        inputs = predictor.encode(row[np.newaxis])
        values = finish(shapley_values(predictor, inputs, chosen)).values[0]
        cells: dict[str, Any] = {
            f"shapley_{prefix}{feature}": float(values[place, output])
            for output, prefix in enumerate(infix)
            for place, feature in enumerate(predictor.schema.names)
        }
        sure = certainty(predictor, evidence, row, inputs, threshold)
        if sure.sets is not None:
            changes = finish(counterfactuals(predictor, row, threshold, evidence.distance))
            cells["counterfactual"] = _changes(predictor, changes)
        found.append(cells | _certainty(predictor, sure, infix))
    if not found:
        return {}
    return {name: np.array([cells[name] for cells in found]) for name in found[0]}


def _changes(predictor: Predictor, changes: list[Counterfactuals]) -> str:
    """Return the smallest changes of each label as text: feature=value."""
    features, texts = predictor.schema.features, []
    for each in changes:
        if each.found:
            first = each.found[0]
            text = SEPARATOR.join(
                f"{features[n].name}={features[n].spelled(float(first.row[n]))}"
                for n in first.features
            )
            texts.append(f"{each.label}: {text}" if each.label else text)
    return " | ".join(texts)


def _certainty(predictor: Predictor, sure: Certainty, infix: list[str]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    if sure.sets is not None:
        labels = [" or ".join(each) for each in sure.sets]
        target = predictor.schema.target
        if isinstance(target, MultiLabel):
            cells |= {f"set_{n}": text for n, text in zip(target.labels, labels, strict=True)}
        else:
            (cells["set"],) = labels
    for output, prefix in enumerate(infix):
        if sure.intervals is not None:
            low, high = sure.intervals[output].tolist()
            cells |= {f"{prefix}interval_low": low, f"{prefix}interval_high": high}
        if sure.members is not None:
            cells[f"{prefix}members_low"] = float(sure.members.low[output])
            cells[f"{prefix}members_high"] = float(sure.members.high[output])
    if sure.percentile is not None:
        cells["distance_percentile"] = sure.percentile
        cells["unlike_training"] = sure.percentile > UNLIKE_PERCENTILE
    return cells
