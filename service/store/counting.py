"""Counts of rows by bins of their values and predictions, from which no row can be read back."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from model.arrays import Array
from model.metrics.expected_matrix import MAX_CLASSES, expected_class_sums
from model.prediction.predictor import Predictor
from model.prediction.schema_rules import SchemaRules
from model.prediction.target import MultiClass, Target

PROBABILITY_BINS: Final = 1000
HOUR_MICROSECONDS: Final = 3_600_000_000
SPANS: Final = (1, 24)  # hours of an interval that has rows in the table `counts`
SHADOW_PREFIX: Final = "shadow "  # of the kinds of counts of a shadow version's rows
_EDGES: Final = np.arange(1, PROBABILITY_BINS + 1) / PROBABILITY_BINS

Counts = Counter[tuple[str, str, int]]  # by kind, name and bin


class FeatureBins(Protocol):
    """Bins of the values of one feature or output."""

    def places(self, values: Array) -> Array:
        """Return the number of the bin of each value `(B,)`, int; NaN and unknown ones included."""


@dataclass(frozen=True)
class ModelBins:
    """Bins of a model.

    Attributes:
        features: Of each feature, in order.
        outputs: Of each output of a regression; empty for probabilities.
    """

    features: Sequence[FeatureBins]
    outputs: Sequence[FeatureBins] = ()


def probability_bins(probabilities: Array) -> Array:
    """Return the bins of probabilities: the smallest k with p ≤ (k + 1) / 1000.

    So the rows above a threshold m / 1000, m ≥ 1, are exactly those in the bins from m on.

    Args:
        probabilities: Any shape, from 0 to 1.

    Returns:
        Numbers from 0 to 999, of the same shape.
    """
    return np.minimum(np.searchsorted(_EDGES, probabilities, side="left"), PROBABILITY_BINS - 1)


def pair_name(predicted: str | None, true: object) -> str:
    """Return the name of counts of a predicted and a true label.

    Args:
        predicted: The predicted label; None without one.
        true: The true label.
    """
    return json.dumps([predicted, true], ensure_ascii=False, separators=(",", ":"))


def expected_counts(target: Target, predictions: Array) -> Counts:
    """Return the sums of the probabilities of classes by predicted class, in thousandths.

    Args:
        target: The target.
        predictions: `(B, outputs)`.

    Returns:
        Counts of the kind "expected", whose name is a JSON list of the predicted class and of the
        class of the probabilities; none without classes, or for more than `MAX_CLASSES`.
    """
    counts: Counts = Counter()
    if isinstance(target, MultiClass) and len(target.classes) <= MAX_CLASSES:
        classes, sums = target.classes, expected_class_sums(predictions)
        for true, predicted in np.argwhere(sums).tolist():
            name = pair_name(classes[predicted], classes[true])
            counts["expected", name, 0] = int(sums[true, predicted])
    return counts


class RowCounter:
    """Counts the rows of one model.

    Args:
        predictor: The model.
        bins: Bins of its features and outputs; None for a model without them.
    """

    def __init__(self, predictor: Predictor, bins: ModelBins | None) -> None:
        schema = predictor.schema
        self._target, self._features = schema.target, schema.names
        self._has_probabilities = predictor.has_probabilities
        self._feature_bins = bins.features if bins else ()
        self._output_bins = bins.outputs if bins else ()
        self._rules = SchemaRules(schema.features)
        self._is_category = np.array([each.type == "category" for each in schema.features])
        self._may_be_outside = any(
            each.out_of_range == "clip" or each.unseen == "other" for each in schema.features
        )

    def counts(self, values: Array, predictions: Array, threshold: float) -> Counts:
        """Count rows.

        Args:
            values: Raw rows, `(B, F)`, NaN where missing.
            predictions: `(B, outputs)`.
            threshold: Decision threshold; NaN where the target has none.
        """
        counts = self._counts_of_answers(predictions, threshold)
        counts.update(expected_counts(self._target, predictions))
        for name, feature_bins, column in zip(
            self._features, self._feature_bins, values.T, strict=False
        ):
            _add(counts, "feature", name, feature_bins.places(column))
        self._add_columns(counts, "missing", np.isnan(values))
        if self._may_be_outside:
            outside = self._rules.outside(values)
            self._add_columns(counts, "clipped", outside & ~self._is_category)
            self._add_columns(counts, "unknown", outside & self._is_category)
        return counts

    def shadow_counts(self, predictions: Array, threshold: float) -> Counts:
        """Count the rows of a shadow version; the values are counted with the answer.

        Args:
            predictions: `(B, outputs)`.
            threshold: Decision threshold; NaN where the target has none.
        """
        counts = self._counts_of_answers(predictions, threshold)
        return Counter(
            {(SHADOW_PREFIX + kind, name, place): n for (kind, name, place), n in counts.items()}
        )

    def _counts_of_answers(self, predictions: Array, threshold: float) -> Counts:
        counts: Counts = Counter({("rows", "", 0): len(predictions)})
        if self._has_probabilities:
            places = probability_bins(predictions)
            for name, column in zip(self._target.names, places.T, strict=True):
                _add(counts, "prediction", name, column)
            for label, count in self._target.tally(predictions, threshold).items():
                counts["label", label, 0] = count
        else:
            for name, bins, column in zip(
                self._target.names, self._output_bins, predictions.T, strict=False
            ):
                _add(counts, "prediction", name, bins.places(column))
        return counts

    def _add_columns(self, counts: Counts, kind: str, mask: Array) -> None:
        totals = np.count_nonzero(mask, axis=0)
        for column in np.flatnonzero(totals).tolist():
            counts[kind, self._features[column], 0] = int(totals[column])


def _add(counts: Counts, kind: str, name: str, places: Array) -> None:
    found = np.bincount(places)
    for place in np.flatnonzero(found).tolist():
        counts[kind, name, place] = int(found[place])
