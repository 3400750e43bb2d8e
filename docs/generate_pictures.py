"""Draw the pictures of the tutorials from the code of the pages: docs/generate_pictures.py."""

import io
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from model.evaluation.plots.files import as_png
from model.evaluation.plots.landscape import COLOURS, contour
from model.evaluation.plots.learning_rate import rate_curve
from model.network.autograd.tape import Value

DOCS = Path(__file__).parent
PAGE = DOCS / "tutorials" / "watch-a-network-think.md"
DPI = 90
Names = dict[str, Any]


def names_after_section(number: int) -> Names:
    """Run the blocks of the page up to the end of a numbered section, and return their names."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {number + 1}. ")[0]
    names: Names = {}
    with redirect_stdout(io.StringIO()):
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(block, names)  # noqa: S102 - the code of this repository's page
    return names


def graph() -> bytes:
    """Draw the graph of J from top to bottom, as it is after the first `backward`."""
    names = names_after_section(1)
    J = names["J"]
    J.backward()
    order = J.order()
    depth: dict[Value, int] = {}
    for node in order:
        depth[node] = 1 + max((depth[each] for each in node.inputs), default=-1)
    for node in reversed(order):  # inputs stand beside the operation that needs them
        for each in node.inputs:
            if not each.inputs:
                depth[each] = depth[node] - 1
    columns: dict[int, list[Value]] = {}
    for node in order:
        columns.setdefault(depth[node], []).append(node)
    places = {
        node: (column, (len(nodes) - 1) / 2 - row)
        for column, nodes in columns.items()
        for row, node in enumerate(nodes)
    }
    figure = Figure(figsize=(4.6, 7.4), layout="constrained")
    axes = figure.subplots()
    for node, (down, across) in places.items():
        box = {"boxstyle": "round", "fc": "#eef3f8" if node.inputs else "white", "ec": "#4477aa"}
        heading = " ".join(filter(None, [node.label, node.operation and f"({node.operation})"]))
        text = f"{heading or 'constant'}\nvalue {node.data:g}\ngradient {node.gradient:g}"
        axes.text(-across, -down, text, ha="center", va="center", bbox=box, zorder=3)
        for each in node.inputs:
            axes.annotate(
                "",
                (-across, -down + 0.25),  # from the lower end of a box to the upper end of the next
                (-places[each][1], -places[each][0] - 0.25),
                arrowprops={"arrowstyle": "-|>", "color": "0.5", "shrinkA": 0, "shrinkB": 0},
            )
    axes.set_axis_off()
    axes.set(xlim=(-1.0, 1.0), ylim=(-max(columns) - 0.4, 0.4))
    return as_png(figure, DPI)


def gradient() -> bytes:
    """Draw J over w, and the tangent at each step."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    w, b = 2.0, 8.0
    over = np.linspace(1.5, 4.5, 200)
    axes.plot(over, 0.5 * (-2 * over + b - 2) ** 2, color="black", label="J over w, at b = 8")
    for step in range(4):
        error = -2 * w + b - 2
        slope = -2 * error
        near = np.array([w - 0.25, w + 0.25])
        axes.plot(near, 0.5 * error**2 + slope * (near - w), color=COLOURS[1], lw=2)
        axes.plot(w, 0.5 * error**2, "o", color=COLOURS[0], zorder=3)
        axes.annotate(f"{step}", (w, 0.5 * error**2), (6, 6), textcoords="offset points")
        w -= 0.1 * slope
    axes.set(xlabel="w", ylabel="J", title="Gradient descent in one weight")
    axes.legend(frameon=False)
    return as_png(figure, DPI)


def loss_landscape() -> bytes:
    """Draw the contours of section 3 with both paths."""
    names = names_after_section(3)
    title = "Two paths over the loss of 33 weights"
    return contour(names["around"], names["places"], title=title, shares=names["shares"])


def learning_rate() -> bytes:
    """Draw the finding of section 4."""
    return rate_curve(names_after_section(4)["finding"])


def schedules() -> bytes:
    """Draw the schedules of section 4."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    styles = zip(names_after_section(4)["schedules"].items(), COLOURS, strict=False)
    for (name, schedule), colour in styles:
        axes.plot([schedule.rate(step, base=0.1) for step in range(80)], color=colour, label=name)
    axes.set(xlabel="step", ylabel="learning rate", title="Schedules")
    axes.legend(frameon=False)
    return as_png(figure, DPI)


PICTURES: dict[str, Callable[[], bytes]] = {
    "think-graph": graph,
    "think-gradient": gradient,
    "think-landscape": loss_landscape,
    "think-learning-rate": learning_rate,
    "think-schedules": schedules,
}


def write(name: str) -> None:
    """Draw a picture, and write it with 64 colours."""
    picture = Image.open(io.BytesIO(PICTURES[name]())).convert("RGB")
    small = picture.quantize(64, dither=Image.Dither.NONE)
    small.save(DOCS / "images" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    for name in PICTURES:
        write(name)
