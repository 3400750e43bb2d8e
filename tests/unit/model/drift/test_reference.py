"""model/drift/reference.py: counts travel in the artifact, and are checked when it is read."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifacts import artifact
from model.drift.bins import FeatureBins, OutputBins
from model.drift.reference import DriftReference, drift_reference
from model.errors import ArtifactError
from model.pipelines.train import Trained
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary

TEXTS = tuple("abc")
SCHEMA = Schema(
    features=(
        Feature(name="size", may_be_missing=True),
        Feature(name="age", type="integer", minimum=0, maximum=120, out_of_range="clip"),
        Feature(name="colour", type="category", categories=TEXTS, unseen="other"),
        Feature(name="smokes", type="boolean"),
    ),
    target=Binary(negative="no", positive="yes"),
)


def some_rows(seed: int, rows: int) -> Any:
    draws = np.random.default_rng(seed)
    size = np.where(draws.random(rows) < 0.2, np.nan, draws.normal(size=rows))
    age, colour = draws.integers(-5, 130, rows), draws.integers(0, 4, rows)
    return np.column_stack([size, age, colour, draws.integers(0, 2, rows)])


def test_counts_of_a_trained_model(trained: Trained) -> None:
    reference = drift_reference(trained.predictor)
    assert reference is not None
    predictor, rows = trained.predictor, len(trained.predictor.train.targets)
    assert reference.rows == rows
    assert {int(counts.sum()) for counts in reference.counts} == {rows}
    assert list(reference.by_feature) == list(predictor.schema.names)
    assert reference.predictions_of == "validation"
    assert reference.prediction_rows == len(predictor.validation.predictions)
    of_predictions = np.histogram(predictor.validation.predictions, np.arange(11) / 10)[0]
    assert reference.prediction_counts[0].tolist() == of_predictions.tolist()


def test_counts_are_those_of_the_training_rows(wisconsin: Predictor) -> None:
    reference = drift_reference(wisconsin)
    assert reference is not None
    assert (reference.rows, reference.predictions_of) == (559, "out-of-bag")
    bins, counts = reference.by_feature["bare_nuclei"]
    assert dict(zip(bins.names, counts.tolist(), strict=True))["missing"] == 11
    assert wisconsin.out_of_bag is not None
    found = reference.count_predictions(wisconsin.out_of_bag.predictions)
    assert found["malignant"].tolist() == reference.by_output["malignant"][1].tolist()
    assert len(json.dumps(wisconsin.facts["drift"])) < 2000


def test_counts_of_a_regression(kinds: Predictor) -> None:
    outputs = kinds.outputs
    draws = np.random.default_rng(0).random((200, outputs))
    scored = ScoredRows.ungrouped(draws, draws)
    rows = np.array([[1.0, 0, 1, 5], [2, np.nan, np.nan, 1]] * 100)
    reference = DriftReference.fit(replace(kinds, validation=scored), rows)
    assert list(reference.by_output) == list(kinds.schema.target.names)
    assert [counts.sum() for counts in reference.prediction_counts] == [200] * outputs
    assert [bins.cuts is None for bins in reference.outputs] == [kinds.has_probabilities] * outputs
    written = json.loads(json.dumps(reference.to_json()))
    read = DriftReference.from_json(kinds.schema, kinds.has_probabilities, written)
    assert (read.features, read.outputs) == (reference.features, reference.outputs)
    assert read.to_json() == written


def test_a_model_without_counts(kinds: Predictor) -> None:
    assert drift_reference(kinds) is None


@given(st.integers(0, 1000), st.integers(1, 300))
def test_rows_are_counted_once_by_each_feature(seed: int, rows: int) -> None:
    fitted, window = some_rows(seed, 200), some_rows(seed + 1, rows)
    reference = fitted_on(fitted)
    assert [counts.tolist() for counts in reference.count(fitted).values()] == [
        counts.tolist() for counts in reference.counts
    ]
    counted = reference.count(window)
    assert list(counted) == ["size", "age", "colour", "smokes"]
    assert {int(counts.sum()) for counts in counted.values()} == {rows}
    assert counted["size"][-1] == np.isnan(window[:, 0]).sum()
    outside = counted["age"][reference.features[1].outside]
    assert outside.tolist() == [(window[:, 1] < 0).sum(), (window[:, 1] > 120).sum()]
    assert counted["colour"][3] == (window[:, 2] == 3).sum()


def fitted_on(rows: Any) -> DriftReference:
    """Return reference counts of rows of `SCHEMA`."""
    features = tuple(FeatureBins.fit(*pair) for pair in zip(SCHEMA.features, rows.T, strict=True))
    counts = tuple(
        np.bincount(bins.places(column), minlength=len(bins.names))
        for bins, column in zip(features, rows.T, strict=True)
    )
    outputs, of_outputs = (OutputBins("yes"),), (np.eye(10, dtype=int)[0],)
    return DriftReference(len(rows), features, counts, "validation", 1, outputs, of_outputs)


def changed(content: dict[str, Any], key: str, value: Any, place: int | None) -> dict[str, Any]:
    if place is None:
        return {**content, key: value}
    texts = list(content[key])
    texts[place] = value
    return {**content, key: texts}


@pytest.mark.parametrize(
    ("key", "value", "place", "rule"),
    [
        ("rows", -1, None, "drift.rows: Input should be greater"),
        ("rows", 1.5, None, "drift.rows: Input should be a valid int"),
        ("rows", 199, None, "'size': the sum of the counts must be 199"),
        ("cuts", 3, None, "drift.cuts: Input should be a valid list"),
        ("cuts", 3, 0, "drift.cuts.0: Input should be a valid string"),
        ("cuts", [], None, "drift.cuts: must have 4 texts, got 0"),
        ("cuts", "nan", 0, "'size': cuts must be finite"),
        ("cuts", "1 2 3", 0, "'size': there must be 5 counts"),
        ("cuts", "1", 3, "'smokes': a boolean has no cuts"),
        ("counts", "200 0", 3, "'smokes': there must be 3 counts"),
        ("counts", "201 -1 0", 3, "'smokes': counts must have up to 15 digits"),
        ("counts", "²00 0 0", 3, "'smokes': counts must have up to 15 digits"),
        ("counts", "1e2 0 0", 3, "'smokes': counts must have up to 15 digits"),
        ("counts", f"{10**15} 0 0", 3, "'smokes': counts must have up to 15 digits"),
        ("counts", "0 " * 501, 3, "drift.counts.3: String should have at most 1000 characters"),
        ("counts", [], None, "drift.counts: must have 4 texts, got 0"),
        ("predictions_of", "test", None, "drift.predictions_of: Input should be"),
        ("prediction_rows", 2, None, "'yes': the sum of the counts must be 2"),
        ("prediction_cuts", "0.5", 0, "'yes': probabilities have no cuts"),
        ("prediction_counts", ["1", "1"], None, "prediction_counts: must have 1 texts, got 2"),
        ("more", 1, None, "drift.more: Extra inputs"),
    ],
)
def test_invalid_facts_are_rejected(key: str, value: Any, place: int | None, rule: str) -> None:
    content = changed(fitted_on(some_rows(0, 200)).to_json(), key, value, place)
    with pytest.raises(ArtifactError) as error:
        DriftReference.from_json(SCHEMA, True, content)
    assert str(error.value).startswith("invalid metadata at facts.drift")
    assert rule in str(error.value)


@pytest.mark.parametrize("content", [3, [], "x", {}, {"rows": 1}])
def test_other_kinds_of_facts_are_rejected(content: Any) -> None:
    with pytest.raises(ArtifactError, match=r"invalid metadata at facts\.drift"):
        DriftReference.from_json(SCHEMA, True, content)


def test_an_artifact_with_invalid_counts_is_rejected(trained: Trained) -> None:
    predictor = trained.predictor

    def spoilt(change: Callable[[dict[str, Any]], object]) -> bytes:
        content = json.loads(json.dumps(predictor.facts["drift"]))
        change(content)
        file = io.BytesIO()
        whole = joblib.load(io.BytesIO(artifact.to_bytes(predictor)))
        metadata = json.loads(whole["metadata"])
        metadata["facts"]["drift"] = content
        joblib.dump({**whole, "metadata": json.dumps(metadata)}, file)
        return file.getvalue()

    assert drift_reference(artifact.from_bytes(spoilt(len))) is not None
    with pytest.raises(ArtifactError, match=r"facts\.drift\.counts: must have 9 texts"):
        artifact.from_bytes(spoilt(lambda content: content["counts"].pop()))


def test_ten_thousand_features_take_less_than_two_megabytes(trained: Trained) -> None:
    features = tuple(Feature(name=f"f{number}", may_be_missing=True) for number in range(10_000))
    predictor = trained.predictor
    schema = predictor.schema.model_copy(update={"features": features})
    rows = np.random.default_rng(0).lognormal(sigma=9, size=(100, 10_000))
    reference = DriftReference.fit(replace(predictor, schema=schema), rows)
    text = json.dumps(reference.to_json())
    assert len(text) < 1_000_000
    assert text.count(",") < 25_000
    read = DriftReference.from_json(schema, True, json.loads(text))
    assert read.features == reference.features
