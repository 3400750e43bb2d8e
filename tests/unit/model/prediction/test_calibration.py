"""Calibrations against scikit-learn, a fine grid and data with a known distortion."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from model.arrays import Array
from model.errors import DataError
from model.prediction.calibration import (
    Calibration,
    Isotonic,
    Logistic,
    SoftmaxTemperature,
    Temperature,
)
from model.training.decisions.calibrate import METHODS, choose_calibration, fit_calibration

REASON = "needs the extra oracles: make oracles"
ADAPTER: TypeAdapter[Calibration] = TypeAdapter(Calibration)
BINARY = METHODS["binary"]
CASES = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60)
COARSE = st.lists(st.tuples(st.booleans(), st.integers(0, 9).map(lambda n: n / 9)), max_size=60)


def drawn(rows: int, temperature: float, seed: int = 0) -> tuple[Array, Array]:
    """Draw labels, and probabilities that are calibrated at this temperature only."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, rows)
    labels = generator.random(rows) < 1 / (1 + np.exp(-logits))
    return labels, 1 / (1 + np.exp(-logits * temperature))


def log_loss(labels: Array, probabilities: Array) -> float:
    return float(-np.log(np.where(labels, probabilities, 1 - probabilities)).mean())


def both(cases: list[tuple[bool, float]]) -> tuple[Array, Array]:
    """Labels and probabilities of `cases` and of one more case of each class."""
    labels, probabilities = zip(*cases, (True, 0.6), (False, 0.4), strict=True)
    return np.array(labels), np.array(probabilities)


# Temperature


def test_temperature_with_known_values() -> None:
    """Odds of 1/3 and 9 to the power of 0.5, and to the power of 2."""
    p = np.array([0.25, 0.5, 0.9])
    expected = [1 / (1 + 3**0.5), 0.5, 0.75]
    np.testing.assert_allclose(Temperature(temperature=2).apply(p), expected, rtol=1e-14)
    np.testing.assert_allclose(Temperature(temperature=0.5).apply(p), [0.1, 0.5, 81 / 82])
    np.testing.assert_allclose(Temperature(temperature=1).apply(p), p, rtol=1e-15)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(1e-3, 1000))
def test_temperature_keeps_order_and_range(given_p: list[float], temperature: float) -> None:
    """Holds for 0 and 1 too, and where odds overflow, without a warning."""
    p = np.sort(given_p)[:, None]
    found = Temperature(temperature=temperature).apply(p)
    assert found.shape == p.shape
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found, axis=0) >= -1e-15).all()


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5, 5.0])
def test_temperature_has_the_least_loss_of_a_fine_grid(true: float) -> None:
    labels, p = drawn(4000, true)
    found = fit_calibration("temperature", labels, p)
    assert isinstance(found, Temperature)
    assert found.temperature == pytest.approx(true, rel=0.1)
    grid = np.geomspace(found.temperature / 2, found.temperature * 2, 2001)
    losses = [log_loss(labels, Temperature(temperature=each).apply(p)) for each in grid]
    assert log_loss(labels, found.apply(p)) <= min(losses) + 1e-12
    assert grid[int(np.argmin(losses))] == pytest.approx(found.temperature, rel=1e-3)


@pytest.mark.reference
def test_temperature_against_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason=REASON)
    labels, p = drawn(2000, 3.0)
    logits = np.log(p / (1 - p))[:, None]
    model = linear.LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(logits, labels)
    found = fit_calibration("temperature", labels, p)
    assert isinstance(found, Temperature)
    assert found.temperature == pytest.approx(1 / model.coef_[0, 0], rel=1e-5)


def test_temperature_of_perfect_and_of_inverted_rows() -> None:
    labels, p = np.array([True, False]), np.array([0.9, 0.2])
    right = fit_calibration("temperature", labels, p)
    assert isinstance(right, Temperature)
    assert right.temperature == pytest.approx(1e-3)
    np.testing.assert_array_equal(right.apply(p), [1, 0])
    wrong = fit_calibration("temperature", ~labels, p)
    np.testing.assert_allclose(wrong.apply(p), 0.5, atol=1e-3)


# Softmax temperature


def drawn_classes(rows: int, temperature: float) -> tuple[Array, Array]:
    """Draw outcomes of 4 classes, and probabilities that are calibrated at this temperature."""
    generator = np.random.default_rng(0)
    shares = np.exp(generator.normal(0, 2, (rows, 4)))
    true = shares / shares.sum(axis=1, keepdims=True)
    classes = (true.cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1)
    sharp = true**temperature
    return classes[:, None] == np.arange(4), sharp / sharp.sum(axis=1, keepdims=True)


def test_softmax_temperature_with_known_values() -> None:
    p = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    found = SoftmaxTemperature(temperature=0.5).apply(p)
    np.testing.assert_allclose(found[0], [2 / 3, 1 / 6, 1 / 6], rtol=1e-14)
    np.testing.assert_allclose(found[1], [1, 0, 0], atol=1e-15)
    two = np.array([[0.9, 0.1], [0.3, 0.7]])
    binary = Temperature(temperature=3).apply(two)  # two classes are one label
    np.testing.assert_allclose(SoftmaxTemperature(temperature=3).apply(two), binary, rtol=1e-12)


@pytest.mark.parametrize("temperature", [1e-3, 0.3, 2.0, 1000.0])
@pytest.mark.parametrize("classes", [2, 3, 9, 40])
def test_softmax_of_a_row_does_not_depend_on_other_rows(temperature: float, classes: int) -> None:
    shares = np.random.default_rng(0).exponential(1, (classes, 50)) ** 4
    p = (shares / shares.sum(axis=0)).T  # as the network's predictions: columns are contiguous
    p[0], p[0, 1] = 0, 1
    calibration = SoftmaxTemperature(temperature=temperature)
    found = calibration.apply(p)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    assert (found.argmax(axis=1) == p.argmax(axis=1)).all()
    for row in range(50):
        np.testing.assert_array_equal(calibration.apply(p[row : row + 1])[0], found[row])


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_softmax_temperature_has_the_least_loss_of_a_fine_grid(true: float) -> None:
    outcomes, p = drawn_classes(3000, true)
    found = fit_calibration("softmax_temperature", outcomes, p)
    assert isinstance(found, SoftmaxTemperature)
    assert found.temperature == pytest.approx(true, rel=0.1)

    def loss(temperature: float) -> float:
        calibrated = SoftmaxTemperature(temperature=temperature).apply(p)
        return float(-np.log(calibrated[outcomes]).mean())

    grid = np.geomspace(found.temperature / 2, found.temperature * 2, 501)
    assert loss(found.temperature) <= min(map(loss, grid)) + 1e-12


# Logistic


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.4, -1.5), (2.0, 1.0)])
def test_logistic_finds_a_known_distortion(slope: float, intercept: float) -> None:
    labels, p = drawn(6000, 1.0)
    logits = (np.log(p / (1 - p)) - intercept) / slope
    found = fit_calibration("logistic", labels, 1 / (1 + np.exp(-logits)))
    assert isinstance(found, Logistic)
    assert found.slope == pytest.approx(slope, rel=0.06)
    assert found.intercept == pytest.approx(intercept, abs=0.1)
    calibrated = found.apply(1 / (1 + np.exp(-logits)))
    assert calibrated.mean() == pytest.approx(labels.mean(), abs=1e-3)


def test_logistic_with_known_values() -> None:
    """Odds of 1/3 and 9, squared, and multiplied by 2."""
    found = Logistic(slope=2, intercept=np.log(2)).apply(np.array([0.25, 0.9, 0.0, 1.0]))
    np.testing.assert_allclose(found, [2 / 11, 162 / 163, 0, 1], rtol=1e-12, atol=1e-20)
    extreme = Logistic(slope=1000, intercept=-700).apply(np.array([0.0, 0.5, 1.0]))
    assert (np.diff(extreme) >= 0).all()
    assert np.isfinite(extreme).all()


def test_logistic_of_separated_and_of_inverted_rows() -> None:
    labels = np.arange(20) >= 12
    p = np.where(labels, 0.7, 0.4)
    found = fit_calibration("logistic", labels, p)
    # Platt's targets: (8 + 1) / (8 + 2), and 1 / (12 + 2).
    np.testing.assert_allclose(found.apply(p[[0, -1]]), [1 / 14, 0.9], rtol=1e-6)
    inverted = fit_calibration("logistic", ~labels, p)
    assert isinstance(inverted, Logistic)
    assert inverted.slope == 0
    np.testing.assert_allclose(inverted.apply(p), (12 * 13 / 14 + 8 / 10) / 20)


# Isotonic


@pytest.mark.reference
@given(CASES | COARSE, st.lists(st.floats(0, 1), max_size=20))
def test_isotonic_against_scikit_learn(cases: list[tuple[bool, float]], more: list[float]) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic", reason=REASON)
    labels, p = both(cases)
    # scikit-learn merges scores that are closer than its resolution.
    apart = np.diff(np.unique(p)).min() > 1e-9
    p = p if apart else p.round(6)
    model = isotonic.IsotonicRegression(out_of_bounds="clip").fit(p, labels)
    anywhere = np.concatenate([p, [0, 1], more])
    expected = model.predict(anywhere)
    found = fit_calibration("isotonic", labels, p).apply(anywhere)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@given(CASES | COARSE)
def test_isotonic_never_decreases_and_keeps_the_mean(cases: list[tuple[bool, float]]) -> None:
    labels, p = both(cases)
    found = fit_calibration("isotonic", labels, p)
    anywhere = found.apply(np.sort(np.concatenate([p, np.linspace(0, 1, 101)])))
    assert ((anywhere >= 0) & (anywhere <= 1)).all()
    assert (np.diff(anywhere) >= -1e-15).all()
    assert found.apply(p[:, None]).mean() == pytest.approx(labels.mean(), abs=1e-12)


def test_isotonic_with_known_values() -> None:
    labels = np.array([False, True, False, True])
    found = fit_calibration("isotonic", labels, np.array([0.1, 0.3, 0.5, 0.9]))
    assert found == Isotonic(scores=(0.1, 0.3, 0.5, 0.9), probabilities=(0, 0.5, 0.5, 1))
    np.testing.assert_allclose(
        found.apply(np.array([0, 0.2, 0.4, 0.8, 1])), [0, 0.25, 0.5, 0.875, 1]
    )


# Either


@given(CASES | COARSE, st.sampled_from(BINARY))
def test_json_and_back(cases: list[tuple[bool, float]], method: str) -> None:
    found = fit_calibration(method, *both(cases))
    again = ADAPTER.validate_json(found.model_dump_json())
    assert again == found
    p = np.linspace(0, 1, 50)
    np.testing.assert_array_equal(again.apply(p), found.apply(p))


@pytest.mark.parametrize("method", BINARY)
@pytest.mark.parametrize("labels", [[True, True], [False, False]])
def test_one_class_is_rejected(method: str, labels: list[bool]) -> None:
    with pytest.raises(DataError, match=r"^calibration needs rows of both classes$"):
        fit_calibration(method, np.array(labels), np.array([0.1, 0.2]))


KNOTS = {"method": "isotonic", "scores": [0.1, 0.2], "probabilities": [0.3, 0.4]}


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"method": "platt"}, "method"),
        ({"method": "softmax_temperature", "temperature": 0}, "greater than 0"),
        ({"method": "logistic", "slope": -1}, "greater than or equal to 0"),
        ({"method": "logistic", "slope": 1, "intercept": 701}, "less than or equal to 700"),
        ({"temperature": 1}, "method"),
        ({"method": "temperature"}, "temperature"),
        ({"method": "temperature", "temperature": 0}, "greater than 0"),
        ({"method": "temperature", "temperature": 1001}, "less than or equal to 1000"),
        ({"method": "temperature", "temperature": float("nan")}, "finite"),
        ({"method": "temperature", "temperature": 1, "bias": 1}, "bias"),
        (KNOTS | {"scores": [0.1]}, "scores and probabilities must have the same length"),
        (KNOTS | {"scores": [], "probabilities": []}, "at least 1 item"),
        (KNOTS | {"scores": [0.2, 0.1]}, "scores must increase"),
        (KNOTS | {"scores": [0.1, 0.1]}, "scores must increase"),
        (KNOTS | {"probabilities": [0.4, 0.3]}, "probabilities must not decrease"),
        (KNOTS | {"probabilities": [0.4, 1.1]}, "less than or equal to 1"),
        (KNOTS | {"scores": [-0.1, 1]}, "greater than or equal to 0"),
        (KNOTS | {"scores": [0.1, float("nan")]}, "finite|greater|less"),
    ],
)
def test_invalid_calibration(given_: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ADAPTER.validate_python(given_)


# The choice


def test_calibrated_data_needs_no_calibration() -> None:
    labels, p = drawn(3000, 1.0)
    chosen, losses = choose_calibration("binary", labels, p, np.arange(3000), seed=0)
    assert chosen is None
    assert min(losses, key=lambda name: losses[name]) == "none"
    assert set(losses) == {"none", *BINARY}
    assert losses["none"] == pytest.approx(log_loss(labels, p), rel=1e-9)


def test_method_of_the_distortion_is_chosen() -> None:
    labels, p = drawn(3000, 4.0)
    chosen, losses = choose_calibration("binary", labels, p, np.arange(3000), seed=0)
    assert isinstance(chosen, Temperature)
    assert chosen == fit_calibration(
        "temperature", labels, p
    )  # fitted on all rows, not on four fifths
    assert losses["temperature"] < losses["isotonic"] < losses["none"]
    # A distortion that an intercept corrects, and steps, which neither corrects.
    labels, p = drawn(3000, 1.0)
    rows = np.arange(3000)
    shifted = p / (p + 5 * (1 - p))
    assert isinstance(choose_calibration("binary", labels, shifted, rows, seed=0)[0], Logistic)
    uniform = np.random.default_rng(0).random(3000)
    steps = np.random.default_rng(1).random(3000) < np.select(
        [uniform < 0.3, uniform < 0.9], [0, 0.5], 1
    )
    assert isinstance(choose_calibration("binary", steps, uniform, rows, seed=0)[0], Isotonic)


def test_gain_below_its_noise_is_no_reason_to_calibrate() -> None:
    """A slight distortion has a lower log-loss with a temperature, but in many rows only."""
    for rows, expected in ((300, False), (30_000, True)):
        labels, p = drawn(rows, 1.15)
        chosen, losses = choose_calibration("binary", labels, p, np.arange(rows), seed=0)
        assert losses["temperature"] < losses["none"]
        assert (chosen is not None) is expected


def test_noise_is_that_of_groups() -> None:
    """Copies of rows do not make a gain more certain."""
    labels, p = drawn(300, 1.15)
    groups = np.repeat(np.arange(300), 50)
    copies = np.repeat(labels, 50), np.repeat(p, 50)
    assert choose_calibration("binary", *copies, groups, seed=0)[0] is None
    assert choose_calibration("binary", *copies, np.arange(15_000), seed=0)[0] is not None


@pytest.mark.parametrize("method", [*BINARY, "softmax_temperature"])
def test_weights_count_rows(method: str) -> None:
    if method == "softmax_temperature":
        outcomes, p = drawn_classes(400, 2.0)
    else:
        outcomes, p = drawn(400, 2.0)
    weights = np.random.default_rng(1).integers(1, 4, 400)
    found = fit_calibration(method, outcomes, p, weights * 0.5)
    repeated = fit_calibration(method, np.repeat(outcomes, weights, 0), np.repeat(p, weights, 0))
    tolerance = 0.01 if method == "logistic" else 1e-9  # Platt's targets depend on the rows
    np.testing.assert_allclose(found.apply(p), repeated.apply(p), atol=tolerance)


def test_groups_are_not_split_between_folds() -> None:
    """Each group has one score and one random label, which isotonic learns only by leakage."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 20)
    labels, p = (generator.random(100) < 0.5)[groups], generator.uniform(0.4, 0.6, 100)[groups]
    _, apart = choose_calibration("binary", labels, p, groups, seed=0)
    _, leaking = choose_calibration("binary", labels, p, np.arange(2000), seed=0)
    assert leaking["isotonic"] < apart["isotonic"] - 0.02
    assert choose_calibration("binary", labels, p, groups, seed=0)[1] == apart
    assert choose_calibration("binary", labels, p, groups, seed=1)[1] != apart


def test_no_calibration_if_a_fold_has_one_class() -> None:
    labels = np.arange(40) == 0
    assert choose_calibration("binary", labels, np.linspace(0.1, 0.9, 40), np.arange(40), 0) == (
        None,
        {},
    )
