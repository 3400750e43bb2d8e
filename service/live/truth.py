"""Quality from truth and the expected quality of a window, for each kind of target."""

import json
from collections import Counter
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.binned_calibration import binned_brier, binned_slope
from model.metrics.class_matrix import class_figures
from model.metrics.expected_matrix import (
    MAX_CLASSES,
    expected_class_figures,
    expected_figures,
)
from model.metrics.probability_bins import BINS, BinnedRows, first_positive_bin
from model.metrics.verification import (
    coverage,
    coverage_by_label,
    selection,
    unweighted_figures,
    weighted_figures,
)
from model.prediction.target import Binary, MultiClass, MultiLabel, Target
from service.live.query import LiveQuery
from service.live.totals import Totals, sized

MAX_LABELS: Final = 20  # of several labels, that have figures

Json = dict[str, Any]


def truth_figures(target: Target, totals: Totals, query: LiveQuery) -> Json:
    """Return the field `truth` of a target with labels or classes.

    Args:
        target: The target.
        totals: Sums over the window.
        query: The window.
    """
    if isinstance(target, Binary):
        rows = _binned(totals, target.positive, (target.negative, target.positive))
        first = first_positive_bin(query.threshold)
        found = _of_output(rows, first, (target.negative, target.positive), query)
    elif isinstance(target, MultiLabel):
        found = _of_labels(target, totals, query)
    else:
        assert isinstance(target, MultiClass)
        found = _of_classes(target, totals, query)
    return found | {"calibration": _calibration(target, totals)}


def expected(target: Target, totals: Totals, threshold: float) -> Json | None:
    """Return the field `expected`; None for a regression, and for more than `MAX_CLASSES` classes.

    Args:
        target: The target.
        totals: Sums over the window.
        threshold: Decision threshold.
    """
    if isinstance(target, MultiClass) and len(target.classes) <= MAX_CLASSES:
        return expected_class_figures(target.classes, _pairs(target, totals.named("expected")))
    if not isinstance(target, Binary | MultiLabel):
        return None
    first = first_positive_bin(threshold)
    found = {
        name: expected_figures(totals.bins("prediction", name, BINS), first)
        for name in target.names[:MAX_LABELS]
    }
    if isinstance(target, Binary):
        return found[target.positive]
    rows = max(each["rows"] for each in found.values())
    return {"rows": rows, "labels": found}


def _binned(totals: Totals, name: str, truths: tuple[str, str]) -> BinnedRows:
    """Return the rows of one output.

    Args:
        totals: Sums over the window.
        name: The output.
        truths: The truths of negative and of positive rows, as in names of counts.
    """
    negatives, positives = (totals.bins("truth", f"{name}={each}", BINS) for each in truths)
    return BinnedRows(totals.bins("prediction", name, BINS), positives, negatives)


def _of_output(rows: BinnedRows, first: int, labels: tuple[str, str], query: LiveQuery) -> Json:
    of_all = coverage(int(rows.rows.sum()), int(rows.truth.sum()))
    answer: Json = {
        "rows": of_all["truth"],
        "coverage": of_all["share"],
        "by_label": coverage_by_label(rows, first, labels),
        "weighting": query.weighting,
    }
    if query.weighting == "coverage":
        matrix, figures, reasons = weighted_figures(rows, first)
        cells: Json = matrix._asdict()
    else:
        figures, reasons = unweighted_figures(rows, first, labels)
        cells = dict(vars(rows.confusion_matrix(first)))
    return answer | {"confusion_matrix": cells, **figures, "not_known": reasons}


def _of_labels(target: MultiLabel, totals: Totals, query: LiveQuery) -> Json:
    first = first_positive_bin(query.threshold)
    labels = {
        name: _of_output(_binned(totals, name, ("0", "1")), first, (f"not {name}", name), query)
        for name in target.labels[:MAX_LABELS]
    }
    one = next(iter(labels.values()))
    return {
        "rows": one["rows"],
        "coverage": one["coverage"],
        "weighting": query.weighting,
        "labels": labels,
        "labels_left_out": len(target.labels) - len(labels),
        "not_known": {},
    }


def _of_classes(target: MultiClass, totals: Totals, query: LiveQuery) -> Json:
    matrix = _pairs(target, totals.named("confusion"))
    labels = totals.sum("label")
    rows = np.array([labels[name] for name in target.classes])
    truth = matrix.sum(axis=0)
    covered = {
        name: coverage(int(n), int(known))
        for name, n, known in zip(target.classes, rows, truth, strict=True)
    }
    of_all = coverage(int(rows.sum()), int(truth.sum()))
    is_weighted = query.weighting == "coverage"
    reason = _classes_without_truth(covered) if is_weighted else selection(covered)
    return {
        "rows": of_all["truth"],
        "coverage": of_all["share"],
        "by_label": covered,
        "weighting": query.weighting,
        **class_figures(target.classes, matrix, rows if is_weighted else None, known=not reason),
        "not_known": dict.fromkeys(("accuracy", "sensitivity"), reason) if reason else {},
    }


def _pairs(target: MultiClass, named: Counter[str]) -> Array:
    """Return counts by true and predicted class, `(C, C)`, int64.

    Args:
        target: The target.
        named: Counts by names that are JSON lists of the predicted and the true class; those of
            classes that the target does not have are left out.
    """
    places = {name: number for number, name in enumerate(target.classes)}
    matrix = np.zeros((len(places), len(places)), np.int64)
    for name, count in named.items():
        predicted, true = json.loads(name)
        if predicted in places and true in places:
            matrix[places[true], places[predicted]] += count
    return matrix


def _classes_without_truth(covered: dict[str, Json]) -> str:
    names = [name for name, each in covered.items() if each["rows"] and not each["truth"]]
    return f"rows predicted {', '.join(names[:3])} have no truth" if names else ""


def _calibration(target: Target, totals: Totals) -> list[Json]:
    """Return Brier score and slope by month, of all outputs together.

    The Brier score is the sum over classes, and the mean over labels.
    """
    outputs, is_multi_class = len(target.names), isinstance(target, MultiClass)
    true = {f"{name}={1 if isinstance(target, MultiLabel) else name}" for name in target.names}
    found = []
    for month, counts in sorted(totals.truth_by_month.items()):
        positives = sized((each for name, each in counts.items() if name in true), BINS)
        negatives = sized((each for name, each in counts.items() if name not in true), BINS)
        brier = binned_brier(positives, negatives)
        if brier is not None:
            figures: Json = {
                "month": month,
                "rows": round(int(positives.sum() + negatives.sum()) / outputs),
                "brier": brier * outputs if is_multi_class else brier,
                "slope": binned_slope(positives, negatives),
            }
            found.append(figures)
    return found
