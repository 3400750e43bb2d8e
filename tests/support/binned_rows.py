"""Rows by bin of their probability, as the store counts them."""

import numpy as np

from model.arrays import Array
from model.metrics.probability_bins import BINS, BinnedRows
from service.store.counting import probability_bins


def binned(probabilities: Array, labels: Array, has_truth: Array | None = None) -> BinnedRows:
    """Return the counts of rows, whose truth has arrived by default."""
    places = probability_bins(probabilities)
    known = np.ones(len(labels), bool) if has_truth is None else has_truth
    return BinnedRows(
        *(
            np.bincount(places[chosen], minlength=BINS)
            for chosen in (slice(None), known & labels, known & ~labels)
        )
    )
