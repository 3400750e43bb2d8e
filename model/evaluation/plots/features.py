"""Plot of the distributions of features in groups of rows, as PNG bytes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from model.arrays import Array
from model.evaluation.association import most_associated
from model.evaluation.plots.files import as_png
from model.evaluation.plots.histograms import Histogram, histogram
from model.evaluation.plots.texts import label
from model.prediction.schema import Feature, Schema

MAX_FEATURES = 24
MAX_GROUPS = 30
COLOURS = ("#4477aa", "#ee6677", "#ccbb44", "#228833", "#66ccee", "#aa3377")  # Tol's "bright"
# Inches: a panel of which the plot is a part, the space above the plot and below it for texts.
PANEL, PLOT, ABOVE = 3.6, 2.95, 0.35
BELOW, BELOW_SLANTED = 0.32, 0.6
CHARACTER = 0.07  # inches, the mean width of a small character
SMALL = 7.5  # points


def feature_distributions(rows: Array, groups: Mapping[str, Array], schema: Schema) -> bytes:
    """Draw the distribution of each feature within each group of rows.

    Integers within a range below 30, categories and booleans have one bar for each value; other
    numbers have a histogram. Up to 6 groups are bars side by side, more are lines of a heat map.
    Of more than 24 features, those that differ most between groups are drawn; of more than 30
    groups, the largest.

    Args:
        rows: Raw rows, `(B, F)`.
        groups: Masks by name, `(B,)`, as `rows_by_class` makes them.
        schema: The schema.
    """
    columns = most_associated(rows, groups, schema.features, MAX_FEATURES)
    title = "Share of each group by value"
    if len(columns) < len(schema.features):
        title += f"; the {len(columns)} of {len(schema.features)} features that differ most"
    largest = sorted(groups, key=lambda name: -int(groups[name].sum()))[:MAX_GROUPS]
    if len(largest) < len(groups):
        title += f"; the {len(largest)} largest of {len(groups)} groups"
    names = [name for name in groups if name in largest]
    panels = {
        schema.features[column]: [rows[groups[name], column] for name in names]
        for column in columns
    }
    drawn = [(_title(feature), histogram(feature, parts)) for feature, parts in panels.items()]
    return as_png(_draw(title, drawn, [label(name, 28) for name in names]))


def _draw(title: str, panels: list[tuple[str, Histogram]], names: list[str]) -> Figure:
    """Draw panels into one pair of axes in inches; a pair for each would take seconds."""
    longest = max(map(len, names))
    is_heat = len(names) > len(COLOURS)
    left = 0.3 + CHARACTER * longest if is_heat else 0.5
    height = max(1.5, 0.14 * len(names)) if is_heat else 1.6
    across = min(3, len(panels))
    width = left + across * PANEL
    in_line = min(max(int(width / (0.1 * longest + 0.6)), 1), len(names))  # names of the legend
    top = 0.4 if is_heat else 0.55 + 0.22 * -(-len(names) // in_line)
    slanted = [_overlap(panel.texts) for _, panel in panels]
    below = BELOW_SLANTED if any(slanted) else BELOW
    total = top + -(-len(panels) // across) * (ABOVE + height + below)

    figure = Figure(figsize=(width, total))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, total))
    axes.set_axis_off()
    axes.text(width / 2, total - 0.12, title, ha="center", va="top")
    boxes, colours, lines = [], [], []
    for number, (name, panel) in enumerate(panels):
        down, column = divmod(number, across)
        x, y = left + column * PANEL, total - top - (down + 1) * (ABOVE + height + below) + below
        corners, fills = (_cells if is_heat else _bars)(panel.shares, panel.edges)
        boxes.append(corners * (PLOT, height) + (x, y))
        colours.append(fills)
        lines.append([(x, y + height), (x, y), (x + PLOT, y)])
        axes.text(x + PLOT / 2, y + height + 0.08, name, ha="center")
        turn = {"rotation": 30, "ha": "right"} if slanted[number] else {"ha": "center"}
        for at, text in zip(x + panel.ticks * PLOT, panel.texts, strict=True):
            lines.append([(at, y), (at, y - 0.04)])
            axes.text(at, y - 0.07, text, va="top", size=SMALL, **turn)
        if not is_heat:
            highest = f"{panel.shares.max():.0%}"
            axes.text(x - 0.06, y + height, highest, ha="right", va="top", size=SMALL)
        elif column == 0:
            for at, group in zip(_middles(len(names)), names, strict=True):
                axes.text(x - 0.06, y + at * height, group, ha="right", va="center", size=SMALL)
    corners_of_all: Any = np.concatenate(boxes)  # Matplotlib is typed for lists, which are slower
    axes.add_collection(PolyCollection(corners_of_all, facecolors=np.concatenate(colours)))
    axes.add_collection(LineCollection(lines, colors="black", linewidths=0.8))
    if not is_heat:
        inks = zip(names, COLOURS, strict=False)
        handles = [Patch(color=ink, label=each) for each, ink in inks]
        place = (0.5, 1 - 0.28 / total)
        figure.legend(
            handles=handles, ncols=in_line, loc="upper center", bbox_to_anchor=place, frameon=False
        )
    return figure


def _overlap(texts: list[str]) -> bool:
    """Return whether the texts of ticks have too little room for level lines."""
    longest = max(map(len, texts), default=0)
    return CHARACTER * len(texts) * (longest + 1) > PLOT


def _bars(shares: Array, edges: Array) -> tuple[Array, Array]:
    """Return corners and colours of bars, those of the groups side by side in each bin.

    Args:
        shares: Shares of the groups' rows, `(G, K)`.
        edges: Edges of the bins, `(K + 1,)`.

    Returns:
        Corners from 0 to 1, `(G K, 4, 2)`, and colours, `(G K, 4)`.
    """
    groups, bins = shares.shape
    widths = np.diff(edges)
    left = edges[:-1] + widths * (0.1 + 0.8 * np.arange(groups)[:, None] / groups)
    tops = shares / (shares.max() or 1)
    colours = np.repeat(to_rgba_array(COLOURS[:groups]), bins, axis=0)
    return _corners(left, left + 0.8 * widths / groups, np.zeros_like(tops), tops), colours


def _cells(shares: Array, edges: Array) -> tuple[Array, Array]:
    """Return corners and colours of a heat map, a line for each group, as `_bars` does."""
    middles = np.repeat(_middles(len(shares))[:, None], shares.shape[1], axis=1)
    half = 0.5 / len(shares)
    left, right = (np.broadcast_to(ends, shares.shape) for ends in (edges[:-1], edges[1:]))
    colours = colormaps["Blues"](shares / (shares.max() or 1))
    return _corners(left, right, middles - half, middles + half), colours.reshape(-1, 4)


def _middles(groups: int) -> Array:
    """Return the heights of the groups' lines, from 1 at the top to 0, `(G,)`."""
    return 1 - (np.arange(groups) + 0.5) / groups


def _corners(left: Array, right: Array, bottom: Array, top: Array) -> Array:
    corners = [(left, bottom), (left, top), (right, top), (right, bottom)]
    return np.stack([np.stack(corner, axis=-1) for corner in corners], axis=-2).reshape(-1, 4, 2)


def _title(feature: Feature) -> str:
    unit = f" ({label(feature.unit, 10)})" if feature.unit else ""
    return label(feature.name.replace("_", " "), 36 - len(unit)) + unit
