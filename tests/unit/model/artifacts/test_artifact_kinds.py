"""Artifacts of every task and feature type: round trips, and values at and beyond the limits."""

import math
from dataclasses import replace

import numpy as np
import pytest

from model.arrays import Array
from model.artifacts import artifact
from model.artifacts.array_spec import MAX_MEMBERS, MAX_SELF_TEST_ROWS
from model.errors import ArtifactError, NetworkError
from model.network.network import network_from
from model.prediction.calibration import (
    Calibration,
    Isotonic,
    Logistic,
    SoftmaxTemperature,
    Temperature,
)
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.target import MultiClass
from model.prediction.training_sample import TrainingSample


@pytest.fixture(scope="session")
def scored(kinds: Predictor) -> Predictor:
    """Each kind of model with two scored rows: the lowest values and the highest."""
    target = kinds.schema.target
    outputs, columns = len(target.names), target.columns_of_targets
    high = outputs - 1 if isinstance(target, MultiClass) else 1
    targets = np.array([[0] * columns, [high] * columns]).astype(target.dtype)
    rows = ScoredRows.ungrouped(targets, np.array([[0.0] * outputs, [1.0] * outputs]))
    imputed = np.array([True, False])
    validation = replace(rows, imputed=imputed)
    sample = TrainingSample(np.array([[1, 2, 0, np.nan], [9, 0, 1, 0.5]]), targets)
    return replace(kinds, train=rows, validation=validation, out_of_bag=validation, sample=sample)


def error_text(predictor: Predictor) -> str:
    with pytest.raises(ArtifactError) as error:
        artifact.from_bytes(artifact.to_bytes(predictor))
    return str(error.value)


def test_round_trip_keeps_everything(scored: Predictor) -> None:
    facts = {"description": "für Müller", "deep": [{"a": 0.1}, None]}
    content = artifact.to_bytes(replace(scored, facts=facts))
    assert "für Müller".encode() in content
    loaded = artifact.from_bytes(content)
    assert loaded.facts == facts
    assert loaded.schema == scored.schema
    assert loaded.encoder.transforms == ("sqrt", "", "", "")
    assert loaded.encoder.categories == (0, 3, 0, 0)
    assert loaded.operating_points == scored.operating_points
    assert (loaded.target_scale is None) == (scored.schema.target.link != "linear")
    for part in ("train", "validation", "out_of_bag"):
        for name, array in vars(getattr(scored, part)).items():
            found = getattr(getattr(loaded, part), name)
            assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())
    assert loaded.sample is not None
    assert scored.sample is not None
    assert np.array_equal(loaded.sample.rows, scored.sample.rows, equal_nan=True)
    assert loaded.sample.targets.tolist() == scored.sample.targets.tolist()
    assert artifact.to_bytes(loaded) == content
    loaded.replay_self_test()


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (np.zeros((3, 4)), "array sample_rows has shape (3, 4), not (2, 4)"),
        (np.zeros((2, 3)), "array sample_rows has shape (2, 3), not (2, 4)"),
        (np.full((2, 4), np.inf), "array sample_rows holds infinity"),
        (np.zeros((2, 4), int), "array sample_rows has dtype int64"),
    ],
)
def test_kept_training_rows_are_checked(scored: Predictor, rows: Array, rule: str) -> None:
    assert scored.sample is not None
    assert error_text(replace(scored, sample=replace(scored.sample, rows=rows))) == rule


@pytest.mark.parametrize(
    "calibration",
    [
        Temperature(temperature=0.7),
        SoftmaxTemperature(temperature=0.7),
        Logistic(slope=0.7, intercept=-0.1),
        Isotonic(scores=(0.1, 0.9), probabilities=(0, 0.8)),
    ],
    ids=lambda calibration: calibration.method,
)
def test_calibration_fits_the_target(scored: Predictor, calibration: Calibration) -> None:
    calibrated = replace(scored, calibration=calibration)
    is_softmax = isinstance(calibration, SoftmaxTemperature)
    links = {"binary": False, "multi_label": False, "multi_class": True}
    if links.get(scored.schema.target.task) is is_softmax:
        assert artifact.from_bytes(artifact.to_bytes(calibrated)).calibration == calibration
    else:
        assert error_text(calibrated) == "the calibration does not fit the target"


def test_only_a_target_with_a_threshold_has_operating_points(scored: Predictor) -> None:
    if scored.schema.target.has_threshold:
        points = {"default": 0.0, "most": 1.0}
        loaded = artifact.from_bytes(artifact.to_bytes(replace(scored, operating_points=points)))
        assert loaded.operating_points == points
    else:
        why = "operating points are given, but the target has no threshold"
        assert error_text(replace(scored, operating_points={"default": 0.5})) == why


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_facts_are_not_written(scored: Predictor, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifact.to_bytes(replace(scored, facts={"a": value}))


@pytest.mark.parametrize(
    ("place", "value", "name"),
    [
        (0, -5.0, None),  # numbers may be out of range, as in the training table
        (1, 0.0, None),
        (1, 2.0, None),
        (1, 3.0, "colour"),
        (1, 0.5, "colour"),
        (2, 0.0, None),
        (2, 0.5, "smokes"),
        (3, 5.5, None),
    ],
)
def test_fill_values(scored: Predictor, place: int, value: float, name: str | None) -> None:
    fill = scored.encoder.fill.copy()
    fill[place] = value
    filled = replace(scored, encoder=replace(scored.encoder, fill=fill))
    if name is None:
        loaded = artifact.from_bytes(artifact.to_bytes(filled))
        assert loaded.encoder.fill.tolist() == fill.tolist()
    else:
        assert error_text(filled) == f"the fill value of {name!r} is not one of its values"


def test_invalid_transform(scored: Predictor) -> None:
    wrong = replace(scored, encoder=replace(scored.encoder, transforms=("", "sqrt", "", "")))
    why = "the encoder does not fit the schema: transform sqrt is for numbers, not for 'colour'"
    assert error_text(wrong) == why


def test_classes_and_probabilities_out_of_range(scored: Predictor) -> None:
    target = scored.schema.target
    too_high = scored.train.predictions + np.array([[0.0], [1e-9]])
    wrong = replace(scored, train=replace(scored.train, predictions=too_high))
    if target.link == "linear":  # numbers have no limit
        assert artifact.from_bytes(artifact.to_bytes(wrong)).train.predictions.max() > 1
    else:
        assert error_text(wrong) == "array train_predictions must hold values from 0 to 1"
    if isinstance(target, MultiClass):
        for step in (-1, 1):
            rows = replace(scored.train, targets=scored.train.targets + step)
            why = "array train_targets must hold class indices"
            assert error_text(replace(scored, train=rows)) == why


def test_number_of_members(scored: Predictor) -> None:
    largest = replace(scored, theta=np.tile(scored.theta, (MAX_MEMBERS, 1)))
    assert artifact.from_bytes(artifact.to_bytes(largest)).theta.shape[0] == MAX_MEMBERS
    size = scored.theta.size
    for members in (0, MAX_MEMBERS + 1):
        theta = np.zeros((members, size))
        why = f"array theta has shape ({members}, {size})"
        assert error_text(replace(scored, theta=theta)) == why
    theta = scored.theta[None, None]
    assert error_text(replace(scored, theta=theta)) == f"array theta has shape (1, 1, {size})"


def test_number_of_self_test_rows(scored: Predictor) -> None:
    def repeated(times: int) -> Predictor:
        test = scored.self_test
        rows, predictions = np.tile(test.rows, (times, 1)), np.tile(test.predictions, (times, 1))
        return replace(scored, self_test=SelfTest(rows, predictions))

    loaded = artifact.from_bytes(artifact.to_bytes(repeated(MAX_SELF_TEST_ROWS)))
    assert len(loaded.self_test.rows) == MAX_SELF_TEST_ROWS
    why = f"there are more than {MAX_SELF_TEST_ROWS} self-test rows"
    assert error_text(repeated(MAX_SELF_TEST_ROWS + 1)) == why
    assert error_text(repeated(0)) == "there are no self-test rows"


def test_wrong_shapes(scored: Predictor) -> None:
    outputs = len(scored.schema.target.names)
    columns = scored.schema.target.columns_of_targets
    flat = replace(scored.train, targets=scored.train.targets.ravel())
    why = f"array train_targets has shape ({2 * columns},), not (2, {columns})"
    assert error_text(replace(scored, train=flat)) == why
    test = SelfTest(np.ones((2, 4)), scored.self_test.predictions)
    why = "array self_test_rows has shape (2, 4), not (1, 4)"
    assert error_text(replace(scored, self_test=test)) == why
    more = replace(scored.validation, groups=np.arange(3))
    why = "array validation_groups has shape (3,), not (2,)"
    assert error_text(replace(scored, validation=more)) == why
    wider = replace(scored.train, predictions=np.zeros((2, outputs + 1)))
    why = f"array train_predictions has shape (2, {outputs + 1}), not (2, {outputs})"
    assert error_text(replace(scored, train=wider)) == why


def monotone(kinds: Predictor, directions: tuple[int, ...]) -> Predictor:
    """The model with a network whose predictions never fall with `size`."""
    description = kinds.network.describe() | {"monotone": list(directions)}
    network = network_from(description)
    assert network.bounds is not None
    size = kinds.schema.features[0].model_copy(update={"monotone": "up"})
    features = (size, *kinds.schema.features[1:])
    schema = kinds.schema.model_copy(update={"features": features})
    theta = network.bounds.reflect(kinds.theta)
    return replace(kinds, schema=schema, network=network, theta=theta)


def test_weights_must_keep_the_directions_of_the_schema(kinds: Predictor) -> None:
    if isinstance(kinds.schema.target, MultiClass):
        with pytest.raises(NetworkError, match="not for classes"):
            monotone(kinds, (1, 0, 0, 0, 0, 0))
        return
    model = monotone(kinds, (1, 0, 0, 0, 0, 0))
    loaded = artifact.from_bytes(artifact.to_bytes(model))
    assert loaded.schema.features[0].monotone == "up"
    rule = "the weights do not keep the directions of the monotone features"
    assert error_text(replace(model, theta=-model.theta)) == rule
    other = "the monotone inputs of the network are not those of the schema"
    assert error_text(monotone(kinds, (-1, 0, 0, 0, 0, 0))) == other
    assert error_text(replace(model, schema=kinds.schema)) == other
