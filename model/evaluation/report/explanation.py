"""The report's pictures and tables of what a model does on the whole."""

import numpy as np

from model.evaluation.global_explanation import GlobalExplanation
from model.evaluation.plots.files import as_svg
from model.evaluation.plots.texts import label
from model.evaluation.report.charts import AXIS, BLUE, SIZE, plain
from model.evaluation.report.elements import Picture, Table, decimal, percent
from model.prediction.predictor import Predictor
from model.prediction.target import Regression

DRAWN = 6  # partial dependences
COLUMNS = 3
BINS = 40  # of the values of one feature in the swarm


def sizes_table(predictor: Predictor, found: GlobalExplanation) -> Table:
    """Return a table of mean absolute Shapley values and of directions.

    Args:
        predictor: The model.
        found: What it does.
    """
    names, features = predictor.schema.names, predictor.schema.features
    order, rows = found.order, []
    for place in order:
        size: object = decimal(float(found.sizes[place]))
        if found.intervals is not None:
            low, high = (float(end[place]) for end in found.intervals)
            size = size, f"{decimal(low)} to {decimal(high)}"
        cells = [names[place], size]
        if found.directions:
            words = {1: "raises", -1: "lowers"}
            cells.append(words.get(found.directions.get(place, 0), "–"))
            exact = features[place].monotone is not None
            against = found.violations.get(place)
            cells.append("none: monotone" if exact else percent(against))
        rows.append(cells)
    heads = ["feature", "mean absolute Shapley value, 95 % interval"]
    if found.directions:
        heads += ["a larger value", "rows with an effect in the other direction"]
    what = "features" if len(order) == len(names) else f"{len(order)} of {len(names)} features"
    title = (
        f"Shapley values of {what}: {len(found.rows)} training rows against "
        f"{found.references} others"
    )
    return Table(title, heads, rows)


def interactions_table(predictor: Predictor, found: GlobalExplanation) -> Table | None:
    """Return a table of the strongest interactions; None for a single feature.

    Args:
        predictor: The model.
        found: What it does.
    """
    names = predictor.schema.names
    rows = [
        (f"{names[one]} and {names[other]}", percent(share))
        for one, other, share in found.interactions[:5]
    ]
    heads = ("features", "share that is not the sum of both")
    return (
        Table("Interactions of the features with the largest values", heads, rows) if rows else None
    )


def swarm(predictor: Predictor, found: GlobalExplanation) -> Picture | None:
    """Draw the Shapley values of each row, coloured by the value of the feature.

    Args:
        predictor: The model.
        found: What it does.

    Returns:
        The picture; None for several outputs.
    """
    from matplotlib.figure import Figure

    if found.values.shape[2] != 1:
        return None
    names = predictor.schema.names
    order = found.order
    figure = Figure(figsize=(SIZE[0] + 1, 0.8 + 0.42 * len(order)), layout="constrained")
    axes = figure.subplots()
    points = None
    width = float(np.ptp(found.values)) or 1.0
    for line, place in enumerate(reversed(order)):
        effects, values = found.values[:, place, 0], found.rows[:, place]
        known = ~np.isnan(values)
        ranks = np.full(len(values), 0.5)
        _, number = np.unique(values[known], return_inverse=True)
        ranks[known] = number / max(number.max(initial=0), 1)
        points = axes.scatter(
            effects, line + _spread(effects, width), c=ranks, cmap="cividis", s=9, vmin=0, vmax=1
        )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(order)), [label(names[place], 24) for place in reversed(order)])
    unit = "value" if isinstance(predictor.schema.target, Regression) else "probability"
    axes.set_xlabel(label(f"Shapley value of the {unit}", AXIS))
    plain(axes)
    if points is not None:
        bar = figure.colorbar(points, ax=axes, ticks=[0, 1], aspect=30)
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label("value of the feature", labelpad=-12)
    shown = "; ".join(f"{names[n]} {decimal(float(found.sizes[n]))}" for n in order)
    alt = f"Shapley values of {len(found.rows)} rows by feature. Mean absolute values: {shown}."
    caption = (
        "Shapley values: a point for each row, how much the feature moves its prediction away from "
        "the reference rows' mean."
    )
    return Picture(as_svg(figure), alt, caption)


def dependence_picture(predictor: Predictor, found: GlobalExplanation) -> Picture | None:
    """Draw the partial dependence of the features with the largest values.

    Args:
        predictor: The model.
        found: What it does.

    Returns:
        The picture; None for several outputs.
    """
    from matplotlib.figure import Figure

    features = predictor.schema.features
    if found.values.shape[2] != 1:
        return None
    order = found.order[:DRAWN]
    lines = -(-len(order) // COLUMNS)
    figure = Figure(figsize=(7.2, 0.3 + 2.1 * lines), layout="constrained")
    grid = np.atleast_1d(figure.subplots(lines, COLUMNS, sharey=True, squeeze=False)).ravel()
    texts = []
    for axes, place, each in zip(grid, order, found.dependences, strict=False):
        feature = features[place]
        low, mean, high = each.low[:, 0], each.mean[:, 0], each.high[:, 0]
        if feature.type in ("category", "boolean"):
            x = np.arange(len(each.values))
            axes.vlines(x, low, high, color=BLUE, alpha=0.35, linewidth=6)
            axes.plot(x, mean, "o", color=BLUE)
            axes.set_xticks(x, [label(str(feature.spelled(v)), 10) for v in each.values.tolist()])
        else:
            axes.fill_between(each.values, low, high, color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(each.values, mean, color=BLUE)
            axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(label(feature.name, 24))
        plain(axes)
        texts.append(f"{feature.name} from {decimal(mean[0])} to {decimal(mean[-1])}")
    for axes in grid[len(order) :]:
        axes.set_visible(False)
    unit = "value" if isinstance(predictor.schema.target, Regression) else "probability"
    grid[0].set_ylabel(f"predicted {unit}")
    courses = "; ".join(texts)
    alt = f"Partial dependence: mean prediction from the least to the largest value: {courses}."
    caption = (
        f"Partial dependence: the mean prediction of {found.dependences[0].rows} training rows "
        "with the feature set to each value, and the middle 90 % of these rows."
    )
    return Picture(as_svg(figure), alt, caption, wide=True)


def _spread(effects: np.ndarray, width: float) -> np.ndarray:
    """Return vertical places of points within ±0.35, such that points side by side are apart."""
    bins = np.floor((effects - effects.min()) / width * BINS).astype(int)
    places = np.zeros(len(effects))
    for number in np.unique(bins):
        members = np.flatnonzero(bins == number)
        steps = np.arange(len(members)) + 1
        places[members] = np.where(steps % 2, -(steps // 2), steps // 2)
    largest = np.abs(places).max() or 1.0
    return np.asarray(places * min(0.35 / largest, 0.08))
