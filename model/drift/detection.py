"""Drift of each feature and of each output: how large it is, and how certain.

Effect and certainty are separate. The PSI less what chance gives is the size of a shift; the
q-value states whether it can be chance. Drift is reported only where both say so, and the window
has enough rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model.arrays import Array
from model.drift.bins import FeatureBins, OutputBins
from model.drift.reference import DriftReference
from model.drift.significance import adjusted, two_sample_p_values
from model.drift.stability import index_by_chance, stability_index
from model.errors import DataError

MAX_Q: Final = 0.05
MIN_EXCESS: Final = 0.1
MIN_ROWS: Final = 50


@dataclass(frozen=True)
class Drift:
    """The drift of one feature or output in a window.

    Attributes:
        name: The feature or output.
        rows: Rows of the window.
        psi: Population stability index.
        psi_by_chance: Its expectation without drift.
        p: P-value of the hypothesis that there is no drift.
        q: P-value adjusted for the number of features, or of outputs.
        missing: Share of missing values; 0 of an output.
        out_of_range: Share of clipped numbers, or of unknown categories; 0 of an output.
    """

    name: str
    rows: int
    psi: float
    psi_by_chance: float
    p: float
    q: float
    missing: float = 0.0
    out_of_range: float = 0.0

    @property
    def excess_psi(self) -> float:
        """The PSI less what chance gives, at least 0."""
        return max(0.0, self.psi - self.psi_by_chance)

    @property
    def drifted(self) -> bool:
        """Whether there is drift that is certain, large enough, and seen in enough rows."""
        return self.q <= MAX_Q and self.excess_psi >= MIN_EXCESS and self.rows >= MIN_ROWS

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        return {**vars(self), "excess_psi": self.excess_psi, "drifted": self.drifted}


def drift_of(
    reference: DriftReference,
    counts: Mapping[str, npt.ArrayLike],
    generator: "np.random.Generator",
) -> list[Drift]:
    """Compare the rows of a window with the training rows, feature by feature.

    Args:
        reference: The model's reference counts.
        counts: Counts of the window by bin, for each feature to compare.
        generator: Source of the draws of the p-values.

    Raises:
        DataError: A feature is unknown, or the counts are not those of its bins.
    """
    return _compared(reference.by_feature, counts, generator)


def prediction_drift_of(
    reference: DriftReference,
    counts: Mapping[str, npt.ArrayLike],
    generator: "np.random.Generator",
) -> list[Drift]:
    """Compare the predictions of a window with the held-out predictions, output by output.

    Args:
        reference: The model's reference counts.
        counts: Counts of the window by bin, for each output to compare.
        generator: Source of the draws of the p-values.

    Raises:
        DataError: An output is unknown, or the counts are not those of its bins.
    """
    return _compared(reference.by_output, counts, generator)


def _compared(
    references: Mapping[str, tuple[FeatureBins | OutputBins, Array]],
    counts: Mapping[str, npt.ArrayLike],
    generator: "np.random.Generator",
) -> list[Drift]:
    pairs = []
    for name, given in counts.items():
        if name not in references:
            raise DataError(f"{name!r} has no reference counts")
        of_window = np.asarray(given)
        names = references[name][0].names
        if of_window.shape != (len(names),) or (of_window < 0).any():
            raise DataError(f"{name!r} must have {len(names)} counts, none of them negative")
        pairs.append((of_window, references[name][1]))
    p_values = two_sample_p_values(pairs, generator)
    found = zip(counts, pairs, p_values.tolist(), adjusted(p_values).tolist(), strict=True)
    return [
        Drift(
            name=name,
            rows=int(of_window.sum()),
            psi=stability_index(of_window, of_training),
            psi_by_chance=index_by_chance(of_window, of_training),
            p=p,
            q=q,
            **_shares(references[name][0], of_window),
        )
        for name, (of_window, of_training), p, q in found
    ]


def _shares(bins: FeatureBins | OutputBins, counts: Array) -> dict[str, float]:
    """Return the shares of missing values and of those out of range."""
    rows = int(counts.sum())
    if isinstance(bins, OutputBins) or not rows:
        return {}
    return {
        "missing": int(counts[-1]) / rows,
        "out_of_range": int(counts[bins.outside].sum()) / rows,
    }
