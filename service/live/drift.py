"""Drift of the features and predictions of a window, from the counts of comparable versions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from model.arrays import Array
from model.drift.bins import OutputBins
from model.drift.detection import Drift, drift_of, prediction_drift_of
from model.drift.reference import DriftReference
from model.metrics.probability_bins import BINS
from service.live.totals import Totals


@dataclass(frozen=True)
class WindowDrift:
    """Drift of a window.

    Attributes:
        features: Drift of each feature.
        predictions: Drift of each output.
    """

    features: tuple[Drift, ...] = ()
    predictions: tuple[Drift, ...] = ()


def window_drift(
    totals: Totals, reference: DriftReference, others: Mapping[str, DriftReference]
) -> WindowDrift:
    """Compare the window with the reference of the active version.

    The rows of a version count for a feature if that version has the same bins of it.

    Args:
        totals: Sums over the window.
        reference: Reference of the active version.
        others: References by version, of all versions that are known.
    """
    generator = np.random.default_rng(0)  # the same counts have the same p-values
    features, predictions = {}, {}
    for bins in reference.features:
        name = bins.feature.name
        alike = [key for key, each in others.items() if bins in each.features]
        features[name] = totals.bins("feature", name, len(bins.names), alike)
    for output in reference.outputs:
        alike = [key for key, each in others.items() if output in each.outputs]
        predictions[output.name] = _predictions(totals, output, alike)
    return WindowDrift(
        tuple(drift_of(reference, features, generator)),
        tuple(prediction_drift_of(reference, predictions, generator)),
    )


def _predictions(totals: Totals, output: OutputBins, versions: Iterable[str]) -> Array:
    size = len(output.names)
    if output.cuts is not None:
        return totals.bins("prediction", output.name, size, versions)
    fine = totals.bins("prediction", output.name, BINS, versions)
    return np.asarray(fine.reshape(size, -1).sum(axis=1))
