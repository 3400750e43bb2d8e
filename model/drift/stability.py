"""The population stability index (PSI) of counts by bin, and how much of it chance gives.

PSI = Σ (p − q) · ln(p / q) over the bins, of the shares p of one sample and q of the other. It is 0
for equal shares, and the same when the samples are exchanged. Usual rules of thumb call 0.1 a small
and 0.2 a large shift, whatever the number of rows. With n and m rows from one population, however,
the PSI is on average (B − 1) · (1/n + 1/m) for B bins, which is over 0.2 for small samples.

Source: Yurdakul, "Statistical properties of population stability index", 2018, §3,
https://scholarworks.wmich.edu/dissertations/3208
"""

from typing import Final

import numpy as np

from model.arrays import Array

HALF: Final = 0.5  # added to both counts of a bin that is empty in one sample


def stability_index(counts: Array, reference: Array) -> float:
    """Return the PSI of two samples; 0 if one is empty.

    Args:
        counts: Counts of a window by bin, `(bins,)`.
        reference: Reference counts of the same bins.
    """
    if not counts.any() or not reference.any():
        return 0.0
    is_used = (counts > 0) | (reference > 0)
    pair = np.stack([counts[is_used], reference[is_used]]).astype(float)
    pair[:, (pair == 0).any(axis=0)] += HALF
    p, q = pair / pair.sum(axis=1, keepdims=True)
    return float(np.sum((p - q) * np.log(p / q)))


def index_by_chance(counts: Array, reference: Array) -> float:
    """Return the expected PSI of two samples of one population; 0 if one is empty.

    Args:
        counts: Counts of a window by bin, `(bins,)`.
        reference: Reference counts of the same bins.
    """
    n, m = int(counts.sum()), int(reference.sum())
    if not n or not m:
        return 0.0
    used = int(np.count_nonzero((counts > 0) | (reference > 0)))
    return (used - 1) * (1 / n + 1 / m)
