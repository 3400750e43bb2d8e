"""Explanations against independent implementations: shap, and scikit-learn's partial dependence."""

from dataclasses import replace

import numpy as np
import pytest

from model.arrays import Array
from model.explanation.curves import partial_dependences
from model.explanation.parts import finish
from model.explanation.reference import Reference, reference_of
from model.explanation.sampling import sampled_shapley_values
from model.explanation.shapley import exact_shapley_values, on_scales
from model.prediction.predictor import Predictor
from model.prediction.target import Regression

shap = pytest.importorskip("shap", reason="needs the extra oracles: make oracles")
ROW = np.array([[9.0, 2, 1, 7]])


def rows_of_kinds(count: int) -> Array:
    generator = np.random.default_rng(0)
    return np.stack(
        [
            generator.uniform(0, 20, count),
            generator.integers(0, 3, count),
            generator.integers(0, 2, count),
            generator.integers(1, 11, count),
        ],
        axis=1,
    ).astype(float)


def test_exact_values_are_those_of_shap(kinds: Predictor) -> None:
    rows = rows_of_kinds(30)
    found = finish(
        exact_shapley_values(kinds, kinds.encode(ROW), Reference("training", kinds.encode(rows)))
    )
    for place in range(len(found.scales)):
        masker = shap.maskers.Independent(rows, max_samples=len(rows))
        explainer = shap.explainers.ExactExplainer(
            lambda x, place=place: on_scales(kinds, kinds.predict(x))[:, place], masker
        )
        expected = explainer(ROW).values.reshape(4, -1)
        np.testing.assert_allclose(found.values[place], expected, atol=1e-9)


def test_the_default_model_is_explained_as_by_shap(wisconsin: Predictor) -> None:
    assert wisconsin.sample is not None
    reference = reference_of(wisconsin, "training")
    row = wisconsin.sample.rows[150:151]
    rows = wisconsin.sample.rows[:100]
    # shap knows no missing values: the imputed ones are equal for the model.
    filled = np.where(np.isnan(rows), wisconsin.encoder.fill, rows)
    masker = shap.maskers.Independent(filled, max_samples=len(filled))

    def probability(x: Array) -> Array:
        return wisconsin.predict(x)[:, 0]

    expected = shap.explainers.ExactExplainer(probability, masker)(row).values[0]
    inputs = wisconsin.encode(row)
    exact = finish(exact_shapley_values(wisconsin, inputs, reference))
    np.testing.assert_allclose(exact.values[0, :, 0], expected, atol=1e-9)
    sampled = finish(sampled_shapley_values(wisconsin, inputs, reference, 60.0, 1))
    permuted = shap.explainers.PermutationExplainer(probability, masker, seed=1)
    others = permuted(row, max_evals=2000).values[0]
    assert sampled.standard_error is not None
    error = sampled.standard_error[0]
    assert (np.abs(sampled.values[0, :, 0] - expected) < 4 * error).all()
    assert (np.abs(others - expected) < 0.05).all()


def test_partial_dependence_is_that_of_scikit_learn(kinds: Predictor) -> None:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.inspection import partial_dependence

    from model.prediction.training_sample import TrainingSample

    rows = rows_of_kinds(50)
    columns = kinds.schema.target.columns_of_targets
    targets = np.zeros((50, columns), kinds.schema.target.dtype)
    predictor = replace(kinds, sample=TrainingSample(rows, targets))

    class Output(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        """One output of the model, as an estimator."""

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def __init__(self, output: int = 0) -> None:
            self.output = output

        def fit(self, _x: Array, _y: Array) -> "Output":
            return self

        def predict(self, x: Array) -> Array:
            return predictor.predict(x)[:, self.output]

    names = kinds.schema.target.outputs if isinstance(kinds.schema.target, Regression) else ("",)
    for output in range(len(names)):
        for feature, found in enumerate(finish(partial_dependences(predictor))):
            expected = partial_dependence(
                Output(output), rows, [feature], custom_values={feature: found.values}
            )
            np.testing.assert_allclose(found.mean[:, output], expected["average"][0], atol=1e-12)


def test_estimators_explain_their_predictions() -> None:
    from model.estimators.classifier import NetworkClassifier
    from model.estimators.regressor import NetworkRegressor

    generator = np.random.default_rng(0)
    rows = generator.normal(size=(120, 4))
    labels = np.where(rows[:, 0] + rows[:, 1] > 0, "b", "a")
    classifier = NetworkClassifier(random_state=0).fit(rows, labels)
    found = classifier.explain(rows[:5], rows[50:])
    sums = found.reference[0] + found.values[:, 0].sum(axis=1)
    np.testing.assert_allclose(sums[:, 0], classifier.predict_proba(rows[:5])[:, 1], atol=1e-6)
    regressor = NetworkRegressor(random_state=0).fit(rows, 100 * rows[:, 2])
    numbers = regressor.explain(rows[:5], rows[50:])
    sums = numbers.reference[0] + numbers.values[:, 0].sum(axis=1)
    np.testing.assert_allclose(sums[:, 0], regressor.predict(rows[:5]), rtol=1e-4, atol=1e-3)
    assert np.abs(numbers.values[:, 0, 2]).mean() > np.abs(numbers.values[:, 0, 3]).mean()
