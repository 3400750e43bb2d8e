"""Plots of loss landscapes as PNG bytes: contours and surfaces."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from model.arrays import Array
from model.evaluation.landscape.surface import Landscape
from model.evaluation.plots.files import as_png

# Colours for any colour vision (Paul Tol's "bright" without grey).
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377", "#66ccee")
# From white to a blue grey, light enough for contrast with the paths.
COLOUR_MAP = LinearSegmentedColormap.from_list(
    "heights", colormaps["bone_r"](np.linspace(0, 0.7, 256))
)
LEVELS = 24
DECADES = 5  # limit of the levels' range; see `levels_of`
TICKS = 7


def contour(
    landscape: Landscape,
    paths: Mapping[str, Array] | None = None,
    *,
    title: str = "Loss landscape",
    shares: Array | None = None,
) -> bytes:
    """Draw filled contours of the loss at logarithmic levels; hatched where it is not finite.

    Args:
        landscape: The landscape.
        paths: Paths by name, `(T, 2)`.
        title: Title.
        shares: Shares of the paths' squared distances along each axis, `(2,)`, for its label.
    """
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    levels = levels_of([landscape])
    _draw_contours(axes, landscape, levels)
    _draw_paths(axes, paths or {})
    axes.set_title(title)
    axes.set(xlabel=_label(1, shares), ylabel=_label(2, shares))
    _colour_bar(figure, [axes], levels)
    _legend(figure, paths or {})
    return as_png(figure)


def surface(
    landscape: Landscape,
    paths: Mapping[str, Array] | None = None,
    *,
    title: str = "Loss landscape",
    shares: Array | None = None,
) -> bytes:
    """Draw the logarithm of the loss as a surface, with a hole where it is not finite.

    Paths are drawn at the height of the surface; their own loss differs where they are off the
    plane.

    Args:
        landscape: The landscape.
        paths: Paths by name, `(T, 2)`.
        title: Title.
        shares: Shares of the paths' squared distances along each axis, `(2,)`, for its label.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d", computed_zorder=False)
    levels = levels_of([landscape])
    _draw_surface(axes, landscape, levels)
    for name, colour in _coloured(paths or {}):
        places = (paths or {})[name]
        height = np.log10(_height(landscape, places, levels))
        _track(axes, [places[:, 0], places[:, 1], height], colour)
    axes.set_title(title)
    axes.set(xlabel=_label(1, shares), ylabel=_label(2, shares))
    _legend(figure, paths or {})
    return as_png(figure)


def side_by_side(landscapes: Mapping[str, Landscape], *, title: str = "") -> bytes:
    """Draw several landscapes as surfaces and contours, all with the same levels.

    Args:
        landscapes: Landscapes by name.
        title: Title.
    """
    figure = Figure(figsize=(5 * len(landscapes), 8.5), layout="constrained")
    levels = levels_of(list(landscapes.values()))
    contours = []
    for column, (name, landscape) in enumerate(landscapes.items(), 1):
        axes: Any = figure.add_subplot(
            2, len(landscapes), column, projection="3d", computed_zorder=False
        )
        _draw_surface(axes, landscape, levels)
        axes.set_title(name)
        axes.set(xlabel=_label(1, None), ylabel=_label(2, None))
        flat = figure.add_subplot(2, len(landscapes), len(landscapes) + column)
        _draw_contours(flat, landscape, levels)
        flat.plot(0, 0, "+", color=COLOURS[1], ms=12, mew=2)
        flat.set(xlabel=_label(1, None), ylabel=_label(2, None))
        contours.append(flat)
    _colour_bar(figure, contours, levels)
    figure.suptitle(title)
    return as_png(figure)


def levels_of(landscapes: list[Landscape]) -> Array:
    """Return 24 loss levels in equal ratios, from the lowest positive to the highest finite loss.

    The first level is at least 10⁻⁵ times the median; the last is at most 10⁵ times the first.
    """
    losses = np.concatenate([each.loss.ravel() for each in landscapes])
    losses = losses[np.isfinite(losses) & (losses > 0)]
    if not losses.size:
        return np.geomspace(0.1, 1, LEVELS)
    low = max(float(losses.min()), float(np.median(losses)) * 10.0**-DECADES)
    high = min(float(losses.max()), low * 10.0**DECADES)
    return np.geomspace(low, max(high, low * 1.01), LEVELS)


def _visible(landscape: Landscape, levels: Array) -> Array:
    """Return the loss `(B, A)` clipped to the levels; NaN where it is not finite."""
    loss = np.where(np.isfinite(landscape.loss), landscape.loss, np.nan)
    return np.asarray(np.clip(loss, levels[0], levels[-1]))


def _norm(levels: Array) -> LogNorm:
    return LogNorm(levels[0], levels[-1])


def _draw_contours(axes: Axes, landscape: Landscape, levels: Array) -> None:
    loss = np.ma.masked_invalid(_visible(landscape, levels))
    axes.patch.set(hatch="///", facecolor="white", edgecolor="0.7")
    axes.set(xlim=landscape.a[[0, -1]], ylim=landscape.b[[0, -1]])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    if loss.mask.all() or min(loss.shape) < 2:
        return
    axes.contourf(landscape.a, landscape.b, loss, levels, cmap=COLOUR_MAP, norm=_norm(levels))
    axes.contour(landscape.a, landscape.b, loss, levels, colors="black", linewidths=0.3)


def _draw_surface(axes: Any, landscape: Landscape, levels: Array) -> None:
    loss = _visible(landscape, levels)
    a, b = np.meshgrid(landscape.a, landscape.b)
    colours = ScalarMappable(_norm(levels), COLOUR_MAP).to_rgba(loss)
    axes.plot_surface(
        a, b, np.log10(loss), facecolors=colours, rcount=60, ccount=60, lw=0, zorder=1, shade=True
    )
    axes.set_zticks(np.log10(_ticks(levels)), [f"{tick:.2g}" for tick in _ticks(levels)])
    axes.set_zlim(*np.log10(levels[[0, -1]]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize="small", pad=1)
    axes.set_zlabel("loss", labelpad=8)
    axes.view_init(elev=38, azim=-60)
    axes.set_box_aspect((1, 1, 0.7), zoom=0.92)


def _ticks(levels: Array) -> Array:
    return np.geomspace(levels[0], levels[-1], TICKS)


def _height(landscape: Landscape, places: Array, levels: Array) -> Array:
    """Interpolate the loss `(T,)` at places `(T, 2)` bilinearly; NaN outside of the grid."""
    loss, corners = _visible(landscape, levels), []
    for values, at in ((landscape.a, places[:, 0]), (landscape.b, places[:, 1])):
        number = np.interp(at, values, np.arange(len(values)), np.nan, np.nan)
        low = np.clip(np.nan_to_num(number), 0, len(values) - 2).astype(int)
        corners.append((low, number - low))
    (i, x), (j, y) = corners
    left = loss[j, i] * (1 - y) + loss[j + 1, i] * y
    right = loss[j, i + 1] * (1 - y) + loss[j + 1, i + 1] * y
    return np.asarray(left * (1 - x) + right * x)


def _draw_paths(axes: Axes, paths: Mapping[str, Array]) -> None:
    for name, colour in _coloured(paths):
        _track(axes, [paths[name][:, 0], paths[name][:, 1]], colour)


def _track(axes: Any, coordinates: list[Array], colour: str) -> None:
    """Draw a line with a light outline, from a black circle to a star."""
    outline = [withStroke(linewidth=3.4, foreground="white")]
    axes.plot(*coordinates, color=colour, lw=1.8, path_effects=outline, zorder=3)
    for at, marker, size, fill in ((0, "o", 7, "black"), (-1, "*", 15, colour)):
        end = [each[[at]] for each in coordinates]
        axes.plot(*end, marker, color=fill, ms=size, mec="white", mew=1, zorder=4)


def _coloured(paths: Mapping[str, Array]) -> list[tuple[str, str]]:
    return [(name, COLOURS[number % len(COLOURS)]) for number, name in enumerate(paths)]


def _legend(figure: Figure, paths: Mapping[str, Array]) -> None:
    if not paths:
        return
    handles = [Line2D([], [], color=colour, lw=2, label=name) for name, colour in _coloured(paths)]
    for marker, label, size in (("o", "start", 7), ("*", "end", 12)):
        handles.append(Line2D([], [], color="black", marker=marker, ls="", ms=size, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)


def _label(number: int, shares: Array | None) -> str:
    if shares is None:
        return f"along d{'₁₂'[number - 1]}"
    return f"principal component {number} ({shares[number - 1]:.0%})"


def _colour_bar(figure: Figure, axes: list[Axes], levels: Array) -> None:
    bar = figure.colorbar(ScalarMappable(_norm(levels), COLOUR_MAP), ax=axes, label="loss")
    bar.set_ticks(list(_ticks(levels)), labels=[f"{tick:.2g}" for tick in _ticks(levels)])
    bar.minorticks_off()
