"""Confusion matrices and scatter plots: room for names, and limits of what is drawn."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from model.arrays import Array
from model.evaluation.plots import predictions

Drawn = Callable[..., Figure]


def matrix(classes: int) -> Array:
    return np.arange(classes * classes).reshape(classes, classes)


@pytest.mark.parametrize("letters", [3, 12, 20, 60])
@pytest.mark.parametrize("classes", [2, 4, 7, 20])
def test_names_of_classes_do_not_overlap(drawn: Drawn, classes: int, letters: int) -> None:
    names = [f"{'long name ' * 6}"[: letters - 2] + f"{number:02}" for number in range(classes)]
    matrices = {"train, 70 rows": matrix(classes), "validation, 30 rows": matrix(classes)}
    figure = drawn(predictions._matrices, matrices, names, "Confusion matrices")
    for axes in figure.axes:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            assert len({label.get_text() for label in labels}) == classes
            assert max(len(label.get_text()) for label in labels) <= 24
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        slanted = axes.get_xticklabels()[0].get_rotation() == 45
        assert slanted or not any(a.overlaps(b) for a, b in pairwise(boxes))
        boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))
        assert all(figure.bbox.x0 <= box.x0 for box in boxes)
        assert axes.get_window_extent().width > 150  # the names leave room for the matrix


def test_cells_have_counts_except_for_0(drawn: Drawn) -> None:
    figure = drawn(predictions._matrices, {"all": matrix(3)}, ["a", "b", "c"], "Confusion")
    cells = [text.get_text().split("\n") for text in figure.axes[0].texts]
    assert [count for count, _ in cells] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert cells[-1][1] == "38.1%"


def test_of_many_classes_only_colours_are_drawn(drawn: Drawn) -> None:
    names = [str(number) for number in range(50)]
    (axes,) = drawn(predictions._matrices, {"all": matrix(50)}, names, "Confusion").axes
    assert not axes.texts
    assert np.asarray(axes.images[0].get_array()).shape == (50, 50)
