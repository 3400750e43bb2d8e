"""Rows of the estimators: weights, validation rows, missing values, several labels, scales."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra sklearn: make oracles")

import sklearn
from sklearn.datasets import load_breast_cancer, load_diabetes, make_multilabel_classification
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer, StandardScaler

from model.estimators import NetworkClassifier, NetworkRegressor, settings
from model.training.defaults import default_settings

estimators = pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
FORMS: list[dict[str, Any]] = [
    {"members": 3},  # out-of-bag rows end the training
    {"members": 1, "early_stopping": True},  # held-out rows end it
    {"members": 3, "bagged": False, "early_stopping": False},
]
forms = pytest.mark.parametrize("form", FORMS)


def problem(kind: Any, rows: int = 90) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((rows, 4))
    targets = inputs[:, 0] - inputs[:, 1] + generator.standard_normal(rows) / 2
    if kind is NetworkClassifier:
        return inputs, np.array(["a", "b", "c"])[np.digitize(targets, [-0.5, 0.5])]
    return inputs, targets


@estimators
@forms
def test_rows_of_weight_zero_count_as_absent(kind: Any, form: dict[str, Any]) -> None:
    inputs, targets = problem(kind)
    weights = np.where(np.arange(90) % 3 == 0, 0.0, 1.5)
    kept = weights > 0
    model = kind(epochs=6, random_state=0, **form).fit(inputs, targets, weights)
    same = kind(epochs=6, random_state=0, **form).fit(inputs[kept], targets[kept], weights[kept])
    assert (model.theta_ == same.theta_).all()
    assert model.history_ == same.history_


@estimators
def test_a_bagged_row_of_weight_two_equals_two_rows(kind: Any) -> None:
    inputs, targets = problem(kind, 30)
    twice = np.arange(30) % 2
    options: dict[str, Any] = {"members": 4, "epochs": 20, "batch_size": "full", "random_state": 0}
    weighted = kind(**options).fit(inputs, targets, 1 + twice)
    repeated = kind(**options).fit(inputs.repeat(1 + twice, 0), targets.repeat(1 + twice))
    np.testing.assert_allclose(weighted.theta_, repeated.theta_, atol=1e-9)


@estimators
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_own_validation_rows_end_the_training(kind: Any, members: int, weighted: bool) -> None:
    inputs, targets = problem(kind, 200)
    train, held = (inputs[:120], targets[:120]), (inputs[120:], targets[120:])
    weights = np.random.default_rng(1).uniform(0.5, 2, 80) if weighted else None
    model = kind((20,), members=members, learning_rate=0.05, batch_size=8, random_state=0)
    model.set_params(early_stopping={"patience": 3})
    model.fit(*train, X_val=held[0], y_val=held[1], sample_weight_val=weights)
    losses = model.history_.column("validation_loss")
    assert model.n_iter_ == np.argmin(losses) + 4 < 200
    again = kind((20,), members=members, learning_rate=0.05, batch_size=8, random_state=0)
    again.set_params(early_stopping=False, epochs=int(np.argmin(losses)), bagged=model.bagged)
    again.fit(*train)
    assert (again.theta_ == model.theta_).all()  # those rows are not trained on


@estimators
def test_validation_rows_are_checked(kind: Any) -> None:
    inputs, targets = problem(kind)
    model = kind(epochs=1)
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        model.fit(inputs, targets, X_val=inputs)
    with pytest.raises(ValueError, match="sample_weight_val needs X_val and y_val"):
        model.fit(inputs, targets, sample_weight_val=np.ones(90))
    with pytest.raises(ValueError, match=r"has 3 features, but .* is expecting 4"):
        model.fit(inputs, targets, X_val=inputs[:, :3], y_val=targets)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(inputs, targets, X_val=inputs, y_val=targets[1:])
    if kind is NetworkClassifier:
        with pytest.raises(ValueError, match=r"y must hold classes .* only, got .*z"):
            model.fit(inputs, targets, X_val=inputs[:1], y_val=["z"])


@forms
def test_one_row_of_a_class_is_enough(form: dict[str, Any]) -> None:
    inputs, labels = problem(NetworkClassifier)
    labels = labels.astype(object)
    labels[7] = "rare"
    model = NetworkClassifier(epochs=3, random_state=0, **form).fit(inputs, labels)
    assert model.classes_.tolist() == ["a", "b", "c", "rare"]
    few = NetworkClassifier(random_state=0, epochs=3).fit(inputs[:2], ["a", "b"])
    assert few.predict(inputs).shape == (90,)


@estimators
def test_missing_values_get_the_median(kind: Any) -> None:
    inputs, targets = problem(kind)
    inputs[::5, 2] = np.nan
    filled = np.where(np.isnan(inputs), np.nanmedian(inputs, axis=0), inputs)
    # A column without a value, and one with a single value, change nothing.
    gaps = np.column_stack([inputs, np.full(90, np.nan), np.full(90, 0.1)])
    model = kind(members=2, epochs=5, random_state=0).fit(gaps, targets)
    output = model.predict_proba if kind is NetworkClassifier else model.predict
    wide = np.column_stack([filled, np.zeros(90), np.full(90, 0.1)])
    np.testing.assert_array_equal(output(gaps), output(wide))
    assert np.isfinite(output(np.full((1, 6), np.nan))).all()
    for infinite in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="contains infinity"):
            model.fit(np.where(gaps == 0.1, infinite, gaps), targets)
    with pytest.raises(ValueError, match="NaN"):
        kind().fit(inputs, np.where(np.arange(90) == 3, np.nan, 1.0))


@estimators
def test_inner_scaling_equals_a_scaler_before(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    standard = {"scaling": {"method": "standard"}}
    monkeypatch.setattr(
        settings, "default_settings", lambda *size: default_settings(*size) | standard
    )
    inputs, targets = problem(kind)
    raw = inputs * [1, 1e6, 1e-6, 3] + [1e3, 5, 0, 1]
    options: dict[str, Any] = {"members": 3, "epochs": 20, "random_state": 0}
    inside = kind(**options).fit(raw, targets)
    options["scale"] = False
    if kind is NetworkClassifier:
        outside = make_pipeline(StandardScaler(), kind(**options)).fit(raw, targets)
        expected, found = outside.predict_proba(raw), inside.predict_proba(raw)
    else:
        mean, spread = targets.mean(), targets.std()
        outside = make_pipeline(StandardScaler(), kind(**options))
        outside.fit(raw, (targets - mean) / spread)
        expected, found = mean + spread * outside.predict(raw), inside.predict(raw)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_targets_of_any_scale_are_learned(dtype: Any) -> None:
    inputs, targets = load_diabetes(return_X_y=True, scaled=False)
    for shift, factor in ((0, 1), (1e5, 1e3), (0, 1e-6)):
        model = NetworkRegressor(members=8, random_state=0)
        fitted = model.fit(inputs.astype(dtype)[:300], targets[:300] * factor + shift)
        assert fitted.predict(inputs.astype(dtype)).dtype == dtype
        assert fitted.score(inputs[300:], targets[300:] * factor + shift) > 0.4
    constant = NetworkRegressor(random_state=0, epochs=2).fit(inputs, np.full(len(inputs), 7.0))
    assert constant.predict(inputs) == pytest.approx(7.0, abs=3)


# Several labels for a row


def test_indicator_matrices() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((400, 6))
    labels = (inputs[:, :5] + generator.normal(0, 0.3, (400, 5)) > 0).astype(int)
    model = NetworkClassifier(members=4, random_state=0).fit(inputs[:300], labels[:300])
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    probabilities, predicted = model.predict_proba(inputs[300:]), model.predict(inputs[300:])
    assert probabilities.shape == predicted.shape == (100, 5)
    assert (predicted == (probabilities > 0.5)).all()
    assert (predicted == labels[300:]).mean() > 0.8
    np.testing.assert_allclose(model.predict_log_proba(inputs[300:]), np.log(probabilities))
    binarizer = MultiLabelBinarizer(sparse_output=True)
    matrix = binarizer.fit_transform([np.flatnonzero(row) for row in labels[:300]])
    sparse = NetworkClassifier(members=4, random_state=0).fit(inputs[:300], matrix)
    assert (sparse.theta_ == model.theta_).all()
    with pytest.raises(ValueError, match="class_weight must be None if a row may have several"):
        NetworkClassifier(class_weight="balanced").fit(inputs, labels)
    with pytest.raises(ValueError, match="as many labels for each row"):
        model.fit(inputs, labels, X_val=inputs, y_val=labels[:, :3])


def test_indicator_matrices_epoch_by_epoch() -> None:
    inputs, labels = make_multilabel_classification(100, random_state=0)
    steps = NetworkClassifier(random_state=0)
    for _ in range(3):
        steps.partial_fit(inputs, labels)
    once = NetworkClassifier(random_state=0, epochs=3, bagged=False, early_stopping=False)
    assert (steps.theta_ == once.fit(inputs, labels).theta_).all()
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        steps.partial_fit(inputs, labels[:, :2])
    with pytest.raises(ValueError, match="as many labels for each row"):
        steps.partial_fit(inputs, labels[:, 0])


# Logarithms, warm start, metadata routing


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("members", [1, 4])
def test_logarithms_of_probabilities(classes: int, members: int) -> None:
    inputs, labels = problem(NetworkClassifier)
    inputs, labels = inputs[labels != "c"] if classes == 2 else inputs, labels
    labels = labels[labels != "c"] if classes == 2 else labels
    model = NetworkClassifier(members=members, scale=False, calibrate=False, random_state=0)
    model.fit(inputs, labels)
    logarithms = model.predict_log_proba(inputs)
    np.testing.assert_allclose(np.exp(logarithms), model.predict_proba(inputs), atol=1e-12)
    far = model.predict_log_proba(1e6 * inputs)  # a probability there is 0 in floating point
    assert np.isfinite(far).all()
    assert (far < -1000).any()


@estimators
@forms
def test_warm_start_goes_on_from_the_weights(kind: Any, form: dict[str, Any]) -> None:
    inputs, targets = problem(kind)
    model = kind(epochs=4, warm_start=True, random_state=0, **form).fit(inputs, targets)
    before, first = model.history_, model.history_.records[0].train_loss
    last = next(each for each in before.records if each.train_loss == model.loss_)
    model.set_params(learning_rate=1e-9, epochs=1).fit(inputs, targets)
    assert model.history_.records[0].train_loss == pytest.approx(last.train_loss)
    assert model.history_.records[-1].train_loss == pytest.approx(last.train_loss, rel=1e-4)
    assert model.loss_ < first
    assert model.n_iter_ == 1
    with pytest.raises(ValueError, match="warm_start needs the network of the last fit"):
        model.set_params(hidden=(3,)).fit(inputs, targets)
    fresh = model.set_params(warm_start=False).fit(inputs, targets)
    assert fresh.network_.layers[0].units == 3


def test_warm_start_keeps_classes_bags_and_scale() -> None:
    inputs, labels = problem(NetworkClassifier)
    model = NetworkClassifier(members=3, epochs=4, warm_start=True, calibrate=False)
    model.fit(inputs, labels)
    out_of_bag = model.history_.best.monitored
    model.set_params(learning_rate=1e-9, epochs=1).fit(inputs, labels)
    # The same rows are out of the bags, though random_state is None.
    assert model.history_.records[0].monitored == pytest.approx(out_of_bag)
    with pytest.raises(ValueError, match="warm_start needs the classes of the last fit"):
        model.fit(inputs[labels != "a"], labels[labels != "a"])
    before = model.predict_proba(inputs)
    model.fit(inputs * 1e-9, labels)
    assert model.predict_proba(inputs) == pytest.approx(before, abs=1e-4)


@estimators
def test_weights_and_validation_rows_are_routed(kind: Any) -> None:
    inputs, targets = problem(kind, 150)
    weights = np.random.default_rng(1).integers(0, 3, 150).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = kind(members=4, epochs=3, random_state=0)
        model.set_fit_request(sample_weight=True, X_val=True, y_val=True)
        model.set_score_request(sample_weight=True)
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            model,
            transform_input=["X_val"],
        )
        pipeline.fit(
            inputs[:100],
            targets[:100],
            sample_weight=weights[:100],
            X_val=inputs[100:],
            y_val=targets[100:],
        )
        scaler = StandardScaler().fit(inputs[:100])
        direct = kind(members=4, epochs=3, random_state=0).fit(
            scaler.transform(inputs[:100]),
            targets[:100],
            weights[:100],
            X_val=scaler.transform(inputs[100:]),
            y_val=targets[100:],
        )
        assert (pipeline[-1].theta_ == direct.theta_).all()
        weighted = kind(members=4, epochs=3, random_state=0)
        weighted.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_validate(
            weighted, inputs, targets, params={"sample_weight": weights}, cv=3, n_jobs=1
        )["test_score"]
    kept = np.arange(50, 150)
    first = kind(members=4, epochs=3, random_state=0).fit(
        inputs[kept], targets[kept], weights[kept]
    )
    if kind is NetworkRegressor:  # its folds are the rows in order
        assert scores[0] == first.score(inputs[:50], targets[:50], weights[:50])


def test_names_of_columns_are_kept() -> None:
    data = load_breast_cancer(as_frame=True)
    model = NetworkClassifier(epochs=1, random_state=0).fit(data.data, data.target)
    assert model.feature_names_in_.tolist() == data.data.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(data.data.rename(columns={"mean radius": "radius"}))
