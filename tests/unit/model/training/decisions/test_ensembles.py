"""Ensembles from recipe to artifact: members, mean prediction, out-of-bag decisions, ONNX."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.artifacts import artifact
from model.errors import ArtifactError, DataError, MalignancyError
from model.evaluation.metrics import scores
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.prepare import prepare
from model.pipelines.train import train
from model.prediction.calibration import Isotonic, Logistic, Temperature
from model.prediction.predictor import Predictor, SelfTest
from model.training import memory
from model.training.bagging import out_of_bag
from model.training.decisions.operating_points import operating_points
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.recipes.sections import OPERATING_POINTS
from model.training.tables import partitions
from model.training.tables.partitions import read_partitions
from model.training.tables.readers import read_chunks

SHORT = """
split = { validation = 0.3 }
[training]
optimizer = "adam"
learning_rate = 0.02
epochs = 8
batch_size = 32
generator = "default"
"""
WHOLE = """
decision = { calibration = "temperature", refer = ["sensitivity-99", "specificity-99"] }
threshold = "balanced"
"""


def recipe_of(
    folder: Path, more: str = "", base: str = "article", members: int = 4, tail: str = ""
) -> Recipe:
    path = folder / "my.toml"
    given = f"ensemble.members = {members}\n" if "ensemble" not in more else ""
    path.write_text(f'extends = "{base}"\n{given}{more}\n{SHORT}{tail}')
    return load_recipe(str(path))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return train(recipe_of(tmp_path_factory.mktemp("recipes"), WHOLE)).predictor


def member_predictions(predictor: Predictor, rows: Array) -> Array:
    """Return each member's predictions, shape (K, B, outputs)."""
    members = [replace(predictor, theta=theta, calibration=None) for theta in predictor.theta]
    return np.stack([member.predict(rows) for member in members])


def test_prediction_is_the_mean_of_different_members(whole: Predictor) -> None:
    rows = whole.self_test.rows
    members = member_predictions(whole, rows)
    assert whole.theta.shape == (4, whole.network.layout.size)
    assert np.ptp(members, axis=0).max() > 0.01
    mean = replace(whole, calibration=None).predict(rows)
    np.testing.assert_allclose(mean, members.mean(axis=0), rtol=1e-12)
    assert whole.calibration is not None
    np.testing.assert_allclose(whole.predict(rows), whole.calibration.apply(mean), rtol=1e-12)


def test_saved_ensemble_is_restored(whole: Predictor, tmp_path: Path) -> None:
    artifact.save(whole, tmp_path / "e.joblib")
    loaded = artifact.load(tmp_path / "e.joblib")
    loaded.replay_self_test()
    rows = whole.self_test.rows
    np.testing.assert_array_equal(loaded.theta, whole.theta)
    np.testing.assert_array_equal(loaded.predict(rows), whole.predict(rows))
    assert isinstance(loaded.calibration, Temperature)
    assert loaded.calibration == whole.calibration
    assert loaded.schema == whole.schema
    assert loaded.schema.target.model_dump()["refer"] is not None
    assert loaded.operating_points == whole.operating_points
    assert loaded.out_of_bag is not None
    assert whole.out_of_bag is not None
    for name, array in vars(whole.out_of_bag).items():
        np.testing.assert_array_equal(getattr(loaded.out_of_bag, name), array)


def test_thresholds_are_chosen_out_of_bag(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, 'threshold = "cost"')
    predictor = train(recipe).predictor
    parts = read_partitions(recipe)
    train_rows, bags = parts.train, prepare(recipe, parts).bags
    assert bags is not None
    means, known = out_of_bag(member_predictions(predictor, train_rows.rows), bags)
    labels = train_rows.targets[known, 0]
    expected = operating_points(labels, means[known, 0], {"miss": 1.0, "false_alarm": 1.0})
    assert predictor.operating_points == pytest.approx({"default": expected["cost"], **expected})
    facts = predictor.facts["out_of_bag"]
    assert facts["rows"] == known.sum() < len(known)
    assert facts["method"] == "none"
    kept = predictor.out_of_bag
    assert kept is not None
    np.testing.assert_array_equal(kept.targets[:, 0], labels)
    np.testing.assert_allclose(kept.predictions, means[known], rtol=1e-12)
    np.testing.assert_array_equal(kept.imputed, train_rows.incomplete[known])


def test_out_of_bag_predictions_are_calibrated_and_keep_their_groups(whole: Predictor) -> None:
    assert whole.out_of_bag is not None
    threshold = whole.operating_points["balanced"]
    found = metrics_at_threshold(whole.schema.target, whole.out_of_bag, threshold)
    assert found["balanced_accuracy"] > 0.93
    assert whole.facts["out_of_bag"]["scores"] == scores(whole.schema.target, whole.out_of_bag)
    slope = whole.facts["out_of_bag"]["scores"]["calibration_slope"]
    assert 0.95 < slope < 1.05


def test_artifact_without_out_of_bag_rows_has_none(whole: Predictor) -> None:
    loaded = artifact.from_bytes(artifact.to_bytes(replace(whole, out_of_bag=None)))
    assert loaded.out_of_bag is None


def test_seed_determines_the_artifact(tmp_path: Path, whole: Predictor) -> None:
    again = train(recipe_of(tmp_path, WHOLE)).predictor
    assert artifact.to_bytes(again) == artifact.to_bytes(whole)
    other = train(recipe_of(tmp_path, WHOLE, tail="seed = 2")).predictor
    assert artifact.to_bytes(other) != artifact.to_bytes(whole)


@pytest.mark.parametrize("base", ["article", "digits", "multi-label"])
@pytest.mark.parametrize("folds", ["", ", folds = 3"])
def test_monitored_loss_is_that_of_the_predictions_that_are_kept(
    tmp_path: Path, base: str, folds: str
) -> None:
    more = f"ensemble = {{ members = 3{folds} }}"
    tail = 'early_stopping = { patience = 1, rows = "out-of-bag" }'
    recipe = recipe_of(tmp_path, more, base, tail=tail)
    trained = train(recipe)
    facts, best = trained.predictor.facts["out_of_bag"], trained.outcome.history.best
    assert facts["scores"]["log_loss"] == pytest.approx(best.out_of_bag_loss, rel=1e-6)
    if folds:
        assert facts["rows"] == len(trained.predictor.train.targets)


def test_ensemble_without_out_of_bag_rows_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = lambda members, folds, classes, groups, seed: np.ones((members, len(groups)))  # noqa: E731, ARG005
    monkeypatch.setattr("model.pipelines.prepare.bags_of_ensemble", full)
    for base in ("article", "regression"):
        with pytest.raises(DataError, match=r"^ensemble.bagged: all training rows are in every ba"):
            train(recipe_of(tmp_path, "", base))


def test_ensemble_without_bagging(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "ensemble = { members = 3, bagged = false }")
    assert prepare(recipe, read_partitions(recipe)).bags is None
    predictor = train(recipe).predictor
    assert predictor.operating_points == {"default": 0.5}
    assert "out_of_bag" not in predictor.facts
    assert predictor.out_of_bag is None
    assert np.ptp(member_predictions(predictor, predictor.self_test.rows), axis=0).max() > 0.01


@pytest.mark.parametrize("base", ["digits", "regression", "multi-label"])
def test_ensembles_of_other_tasks(tmp_path: Path, base: str) -> None:
    predictor = train(recipe_of(tmp_path, "", base, members=2)).predictor
    loaded = artifact.from_bytes(artifact.to_bytes(predictor))
    loaded.replay_self_test()
    assert loaded.theta.shape[0] == 2
    kept = loaded.out_of_bag
    assert kept is not None
    facts = predictor.facts["out_of_bag"]
    assert facts["rows"] == len(kept.targets) > 0
    assert facts["scores"]
    assert set(loaded.operating_points) <= {"default"}
    found = metrics_at_threshold(loaded.schema.target, loaded.validation, loaded.threshold)
    assert found["rows"] == len(loaded.validation.targets)


@pytest.mark.parametrize("base", ["digits", "multi-label"])
def test_calibration_of_classes_and_labels_is_saved(tmp_path: Path, base: str) -> None:
    predictor = train(recipe_of(tmp_path, 'decision.calibration = "temperature"', base)).predictor
    loaded = artifact.from_bytes(artifact.to_bytes(predictor))
    loaded.replay_self_test()
    assert loaded.calibration == predictor.calibration
    assert loaded.calibration is not None
    rows = loaded.self_test.rows
    mean = member_predictions(loaded, rows).mean(axis=0)
    np.testing.assert_allclose(loaded.predict(rows), loaded.calibration.apply(mean), rtol=1e-9)
    uncalibrated = train(recipe_of(tmp_path, "", base)).predictor
    scores_of = [each.facts["out_of_bag"]["scores"]["log_loss"] for each in (loaded, uncalibrated)]
    assert scores_of[0] <= scores_of[1]
    for row in range(len(rows)):
        alone = loaded.predict(rows[row : row + 1])
        np.testing.assert_array_equal(alone[0], loaded.predict(rows)[row])


def test_overconfident_float32_ensemble_replays_its_self_test(
    whole: Predictor, tmp_path: Path
) -> None:
    """A temperature spreads probabilities near 1, but must not amplify their rounding errors."""
    recipe = recipe_of(tmp_path, 'network.dtype = "float32"')
    predictor = train(recipe).predictor
    theta = predictor.theta * np.float32(2)
    rows = whole.self_test.rows
    overconfident = replace(predictor, theta=theta, calibration=Temperature(temperature=3))
    mean = np.mean(member_predictions(overconfident, rows), axis=0, dtype=float)
    assert (mean > 0.999).any()
    expected = Temperature(temperature=3).apply(mean)
    replace(overconfident, self_test=SelfTest(rows, expected)).replay_self_test()


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_MEMORY_BYTES", 10_000)
    monkeypatch.setattr(
        partitions, "read_chunks", lambda path, **options: read_chunks(path, 100, **options)
    )


@pytest.mark.usefixtures("small_memory")
def test_bagging_is_rejected_for_a_table_larger_than_memory(tmp_path: Path) -> None:
    message = r"^ensemble.bagged must be false for a table that is too large to be held in memory$"
    with pytest.raises(DataError, match=message):
        train(recipe_of(tmp_path))
    predictor = train(recipe_of(tmp_path, "ensemble = { members = 3, bagged = false }")).predictor
    assert predictor.theta.shape[0] == 3
    assert (
        metrics_at_threshold(predictor.schema.target, predictor.validation, 0.5)["accuracy"] > 0.9
    )


@pytest.mark.parametrize("method", ["isotonic", "temperature"])
def test_operating_points_and_calibration_are_saved(tmp_path: Path, method: str) -> None:
    predictor = train(recipe_of(tmp_path, f'decision.calibration = "{method}"')).predictor
    assert set(predictor.operating_points) == {"default", *OPERATING_POINTS}
    assert predictor.calibration is not None
    assert predictor.calibration.method == method
    loaded = artifact.from_bytes(artifact.to_bytes(predictor))
    assert loaded.calibration == predictor.calibration


# Invalid artifacts


@pytest.mark.parametrize("shape", [(1001, 166), (0, 166), (4, 165), (1, 4, 166), ()])
def test_theta_of_wrong_shape_is_rejected(whole: Predictor, shape: tuple[int, ...]) -> None:
    content = artifact.to_bytes(replace(whole, theta=np.zeros(shape)))
    with pytest.raises(ArtifactError, match=r"array theta has shape|the network does not fit"):
        artifact.from_bytes(content)


@pytest.mark.parametrize("part", ["train", "validation", "out_of_bag"])
@pytest.mark.parametrize(
    ("name", "dtype", "message"),
    [
        ("groups", "int32", "has dtype int32"),
        ("groups", "float64", "has dtype float64"),
        ("imputed", "int64", "has dtype int64"),
        ("imputed", "bool", "has shape"),
    ],
)
def test_invalid_row_arrays_are_rejected(
    whole: Predictor, part: str, name: str, dtype: str, message: str
) -> None:
    scored = getattr(whole, part)
    length = len(scored.targets) - (message == "has shape")
    wrong: Any = {part: replace(scored, **{name: np.zeros(length, dtype)})}
    with pytest.raises(ArtifactError, match=f"^array {part}_{name} {message}"):
        artifact.from_bytes(artifact.to_bytes(replace(whole, **wrong)))


def test_reversed_refer_band_is_rejected(whole: Predictor) -> None:
    target = whole.schema.target.model_copy(update={"refer": (0.9, 0.1)})
    wrong = replace(whole, schema=whole.schema.model_copy(update={"target": target}))
    with pytest.raises(ArtifactError, match="refer must be two thresholds, the lower one first"):
        artifact.from_bytes(artifact.to_bytes(wrong))


# ONNX


@pytest.mark.reference
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_onnx_runtime_agrees(tmp_path: Path, dtype: str) -> None:
    reason = "needs the extra oracles: make oracles"
    pytest.importorskip("onnx", reason=reason)
    runtime = pytest.importorskip("onnxruntime", reason=reason)
    from model.export.onnx_model import to_onnx

    predictor = train(recipe_of(tmp_path, f'{WHOLE}network.dtype = "{dtype}"')).predictor
    for temperature in (0.3, 3.0):
        calibrated = replace(predictor, calibration=Temperature(temperature=temperature))
        content = to_onnx(calibrated)
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        rows = predictor.self_test.rows
        [found] = session.run(None, {"input": rows})
        assert found.dtype.name == dtype
        tolerance = 1e-10 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(found, calibrated.predict(rows), rtol=0, atol=tolerance)
    calibrated = replace(predictor, calibration=Logistic(slope=0.7, intercept=-0.3))
    session = runtime.InferenceSession(to_onnx(calibrated), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"input": rows})
    np.testing.assert_allclose(found, calibrated.predict(rows), rtol=0, atol=tolerance)
    isotonic = Isotonic(scores=(0.2, 0.8), probabilities=(0.1, 0.9))
    with pytest.raises(MalignancyError, match=r"^an isotonic calibration cannot be exported to"):
        to_onnx(replace(predictor, calibration=isotonic))


@pytest.mark.reference
@pytest.mark.parametrize("base", ["digits", "multi-label"])
def test_onnx_runtime_agrees_on_calibrated_classes_and_labels(tmp_path: Path, base: str) -> None:
    reason = "needs the extra oracles: make oracles"
    pytest.importorskip("onnx", reason=reason)
    runtime = pytest.importorskip("onnxruntime", reason=reason)
    from model.export.onnx_model import to_onnx

    more = 'decision.calibration = "temperature"'
    predictor = train(recipe_of(tmp_path, more, base)).predictor
    assert predictor.calibration is not None
    content = to_onnx(predictor)
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows = predictor.self_test.rows
    [found] = session.run(None, {"input": rows})
    np.testing.assert_allclose(found, predictor.predict(rows), rtol=0, atol=1e-10)


def test_balanced_threshold_finds_cases_of_a_rare_class(tmp_path: Path) -> None:
    """At 2 % positive rows, 0.5 finds nearly none of them on new rows."""

    def draw(rows: int, seed: int) -> tuple[Array, Array]:
        generator = np.random.default_rng(seed)
        x = generator.standard_normal((rows, 3)).round(3)
        chance = 1 / (1 + np.exp(6 - 1.5 * x[:, 0] - 1.5 * x[:, 1]))
        return x, generator.random(rows) < chance

    x, labels = draw(800, 0)
    assert 0.01 < labels.mean() < 0.025
    lines = (",".join(map(str, [*row, int(label)])) for row, label in zip(x, labels, strict=True))
    (tmp_path / "rare.csv").write_text("\n".join(["a,b,c,y", *lines]))
    features = ", ".join(f'{{ name = "{each}", minimum = -9, maximum = 9 }}' for each in "abc")
    path = tmp_path / "rare.toml"
    path.write_text(f"""
        name = "rare"
        features = [{features}]
        data = {{ file = "rare.csv", target = "y", positive = "1", negative = "0" }}
        scaling = {{ method = "standard" }}
        threshold = "balanced"
        ensemble = {{ members = 8, folds = 8 }}
        network = {{ hidden = [{{ units = 8, activation = "relu" }}] }}
        {SHORT}
        early_stopping = {{ patience = 20, rows = "out-of-bag" }}
    """)
    predictor = train(load_recipe(str(path))).predictor
    fresh, truth = draw(10_000, 1)
    probabilities = predictor.predict(fresh)[:, 0]
    assert (probabilities > 0.5)[truth].mean() < 0.1
    assert (probabilities > predictor.threshold)[truth].mean() > 0.6
    assert (probabilities > predictor.threshold)[~truth].mean() < 0.3
