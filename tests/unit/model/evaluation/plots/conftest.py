"""The figures that the plots draw."""

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

from model.evaluation.plots import files, texts


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Figure]:
    """Return a function that runs a plot and returns the figure that it saved."""

    def run(plot: Callable[..., Any], *arguments: Any) -> Figure:
        figures: list[Figure] = []

        def prepare(figure: Figure) -> bool:
            figures.append(figure)
            return texts.prepare_texts(figure)

        monkeypatch.setattr(files, "prepare_texts", prepare)
        monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
        plot(*arguments)
        figures[0].draw_without_rendering()  # at its own resolution, not at that of the file
        return figures[0]

    return run
