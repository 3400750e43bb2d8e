"""Distributions and correlations of features: what is drawn of wide tables and of many groups."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from model.arrays import Array
from model.evaluation.plots.correlations import correlations
from model.evaluation.plots.features import feature_distributions
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass, Regression

Drawn = Callable[..., Figure]
ROWS = 200


def numbers(count: int) -> tuple[Array, list[Feature]]:
    rows = np.random.default_rng(0).normal(size=(ROWS, count))
    return rows, [Feature(name=f"gene_{number}", unit="mm") for number in range(count)]


def groups_of(count: int) -> tuple[dict[str, Array], Array]:
    classes = np.arange(ROWS) % count
    return {f"group {number}": classes == number for number in range(count)}, classes


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def rectangles(figure: Figure) -> list[tuple[float, float, float, float]]:
    """Return the left, right, bottom and top ends of bars and cells."""
    (collection,) = [
        each for each in figure.axes[0].collections if isinstance(each, PolyCollection)
    ]
    ends = [np.asarray(path.vertices) for path in collection.get_paths()]
    return [(*each[[0, 2], 0].tolist(), *each[[0, 1], 1].tolist()) for each in ends]


def test_of_many_features_those_that_differ_most_are_drawn(drawn: Drawn) -> None:
    rows, features = numbers(100)
    groups, classes = groups_of(2)
    rows[:, 77] += 3 * classes
    schema = Schema(features=features, target=Binary(negative="group 0", positive="group 1"))
    figure = drawn(feature_distributions, rows, groups, schema)
    shown = texts(figure)
    assert shown[0] == "Share of each group by value; the 24 of 100 features that differ most"
    titles = [text for text in shown if text.startswith("gene")]
    assert titles[0] == "gene 77 (mm)"
    assert len(titles) == 24
    assert len(figure.axes) == 1
    assert figure.get_size_inches()[1] < 24


def test_bars_have_the_shares_of_the_groups(drawn: Drawn) -> None:
    rows = np.repeat([1.0, 2.0, 1.0, 2.0], [30, 10, 5, 15])[:, None]
    positive = np.arange(60) >= 40
    schema = Schema(
        features=[Feature(name="n", type="integer")], target=Binary(negative="no", positive="yes")
    )
    figure = drawn(feature_distributions, rows, {"no": ~positive, "yes": positive}, schema)
    heights = np.array([top - bottom for _, _, bottom, top in rectangles(figure)])
    np.testing.assert_allclose(heights / heights.max(), np.array([30, 10, 10, 30]) / 30)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no", "yes"]
    assert "75%" in texts(figure)


def test_many_groups_are_lines_of_a_heat_map(drawn: Drawn) -> None:
    groups, classes = groups_of(20)
    rows, features = numbers(2)
    rows[:, 0] = classes
    schema = Schema(features=features, target=MultiClass(classes=tuple(groups)))
    figure = drawn(feature_distributions, rows, groups, schema)
    assert set(groups) <= set(texts(figure))
    assert not figure.legends
    cells = rectangles(figure)
    assert len(cells) == 2 * 20 * 20
    bottoms = sorted({round(bottom, 6) for _, _, bottom, _ in cells})
    np.testing.assert_allclose(np.diff(bottoms), 0.14, rtol=1e-4)


def test_of_very_many_groups_the_largest_are_drawn(drawn: Drawn) -> None:
    groups, _ = groups_of(100)
    schema = Schema(features=numbers(1)[1], target=MultiClass(classes=tuple(groups)))
    shown = texts(drawn(feature_distributions, numbers(1)[0], groups, schema))
    assert shown[0] == "Share of each group by value; the 30 largest of 100 groups"


@pytest.mark.parametrize("groups", [2, 20])
@pytest.mark.parametrize("count", [1, 2, 24])
def test_no_texts_of_panels_overlap(drawn: Drawn, groups: int, count: int) -> None:
    rows, features = numbers(count)
    rows *= 10.0 ** (np.arange(count) % 13 - 6)
    long = {
        f"a rather long name of class {name}": mask for name, mask in groups_of(groups)[0].items()
    }
    schema = Schema(features=features, target=MultiClass(classes=tuple(long) or ("a", "b")))
    figure = drawn(feature_distributions, rows, long, schema)
    level = [text for text in figure.axes[0].texts if text.get_rotation() == 0]
    boxes = [text.get_window_extent() for text in level]
    for number, box in enumerate(boxes):
        assert not [1 for other in boxes[:number] if box.overlaps(other)], level[number].get_text()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, level[number].get_text()


def test_a_wide_table_has_correlations_of_24_features(drawn: Drawn) -> None:
    rows, features = numbers(60)
    groups, classes = groups_of(3)
    rows[:, 50] = classes * 1e300
    schema = Schema(features=features, target=Regression(outputs=("y",)))
    figure = drawn(correlations, rows, classes[:, None] * 1.0, groups, schema)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (names[0], names[-1], len(names)) == ("gene_50", "y", 25)
    table = np.asarray(figure.axes[0].images[0].get_array())
    assert table[0, -1] == pytest.approx(1)
    assert figure.axes[0].get_title() == "Correlation; the 24 of 60 features that differ most"


def test_a_table_without_numbers_has_no_correlations() -> None:
    feature = Feature(name="colour", type="category", categories=("red", "blue"))
    schema = Schema(features=(feature,), target=MultiClass(classes=("a", "b", "c")))
    groups, classes = groups_of(3)
    rows = np.zeros((len(classes), 1))
    assert correlations(rows, classes[:, None], groups, schema) is None
