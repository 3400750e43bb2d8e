"""Histograms of a feature within groups of rows, before they are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from model.arrays import Array
from model.evaluation.plots.texts import label
from model.prediction.schema import Feature

BINS = 20  # of numbers
MAX_INTEGERS = 30  # a wider range of integers has the bins of other numbers
MAX_CATEGORIES = 12  # of more, the rarer ones are counted together


@dataclass(frozen=True, eq=False)
class Histogram:
    """The distribution of a feature in each group.

    Attributes:
        edges: Edges of the bins, `(K + 1,)`, from 0 at the left to 1 at the right.
        shares: Shares of each group's rows, `(G, K)`.
        ticks: Places from 0 to 1, `(T,)`.
        texts: Texts of the ticks.
    """

    edges: Array
    shares: Array
    ticks: Array
    texts: list[str]


def histogram(feature: Feature, groups: Sequence[Array]) -> Histogram:
    """Count the values that are not missing, with one bin for each of a few values.

    Args:
        feature: The feature.
        groups: Raw values of each group, `(B,)`.
    """
    present = [values[np.isfinite(values)] for values in groups]
    together = np.concatenate(present)
    if feature.type in ("boolean", "category"):
        names = ("false", "true") if feature.type == "boolean" else feature.categories
        if len(names) in together:  # the place of unknown categories
            names = feature.category_levels
        return _of_categories(present, together, names)
    low, high = (float(together.min()), float(together.max())) if len(together) else (0.0, 1.0)
    if feature.type == "integer" and high - low < MAX_INTEGERS:
        edges = np.arange(low - 0.5, high + 1)
        ticks = np.arange(low, high + 1, -(-len(edges) // 11))
        return _counted(present, edges, ticks, [f"{tick:.10g}" for tick in ticks])
    # Divided by a power of ten, so that differences of the largest numbers are finite.
    scale = 10.0 ** np.floor(np.log10(max(-low, high, 1e-300)))
    low, high = low / scale, high / scale
    if low == high:
        low, high = low - 0.5, high + 0.5
    ticks = np.array(MaxNLocator(5).tick_values(low, high))
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    texts = [f"{tick * scale:.10g}" for tick in ticks]
    scaled = [values / scale for values in present]
    return _counted(scaled, np.linspace(low, high, BINS + 1), ticks, texts)


def _of_categories(present: list[Array], together: Array, names: Sequence[str]) -> Histogram:
    """Count categories in their order; the last bin has the rarer ones of many."""
    counts = np.bincount(together.astype(int), minlength=len(names))
    shown = np.arange(len(names))
    if len(names) > MAX_CATEGORIES:
        shown = np.sort(np.argsort(-counts, kind="stable")[: MAX_CATEGORIES - 1])
    bins = np.full(len(names), len(shown))
    bins[shown] = np.arange(len(shown))
    texts = [label(names[number], 14) for number in shown.tolist()]
    if len(shown) < len(names):
        texts.append(f"{len(names) - len(shown)} others")
    numbers = [bins[values.astype(int)] for values in present]
    return _counted(numbers, np.arange(-0.5, len(texts)), np.arange(len(texts)), texts)


def _counted(present: list[Array], edges: Array, ticks: Array, texts: list[str]) -> Histogram:
    shares = [np.histogram(values, edges)[0] / max(len(values), 1) for values in present]
    places, ticks = ((each - edges[0]) / (edges[-1] - edges[0]) for each in (edges, ticks))
    return Histogram(places, np.stack(shares), ticks, texts)
