"""Values for input forms: typical ones, quartiles, and made-up rows of each label."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.explanation import typical_rows
from model.explanation.typical_rows import MIN_ROWS, examples, quartiles, typical_values
from model.prediction.encoder import Encoder
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass
from model.prediction.training_sample import TrainingSample

INTEGER = Feature(name="x", type="integer", minimum=0, maximum=10)


def with_sample(predictor: Predictor, rows: int = 60) -> Predictor:
    generator = np.random.default_rng(1)
    sampled = np.stack(
        [
            generator.lognormal(2, 1, rows),
            np.where(generator.random(rows) < 0.2, np.nan, generator.integers(0, 3, rows)),
            np.where(generator.random(rows) < 0.2, np.nan, generator.integers(0, 2, rows)),
            generator.integers(1, 11, rows),
        ],
        axis=1,
    )
    target = predictor.schema.target
    shape = rows, target.columns_of_targets
    high = len(target.names) if isinstance(target, MultiClass) else 2
    targets = generator.integers(0, high, shape).astype(target.dtype)
    return replace(predictor, sample=TrainingSample(sampled, targets))


def with_rows(
    predictor: Predictor, features: tuple[Feature, ...], rows: Array, targets: Array
) -> Predictor:
    """Return a predictor with other features and rows, of which only the encoder's fill is used."""
    schema = Schema(features=features, target=Binary(negative="no", positive="yes"))
    count = len(features)
    fill = np.array([0.0 if each.minimum is None else each.minimum for each in features])
    encoder = Encoder((0,) * count, ("",) * count, fill, fill, np.ones(count))
    sample = TrainingSample(rows, targets[:, np.newaxis])
    return replace(predictor, schema=schema, encoder=encoder, sample=sample)


def raw(predictor: Predictor, values: Mapping[str, Any]) -> Array:
    """Return the raw row of values as a request spells them."""
    pairs = zip(predictor.schema.features, values.values(), strict=True)
    return np.array(
        [[f.categories.index(v) if f.type == "category" else v for f, v in pairs]], float
    )


def masks_of(predictor: Predictor) -> dict[str, Array]:
    assert predictor.sample is not None
    target, targets = predictor.schema.target, predictor.sample.targets
    if isinstance(target, Binary):
        return {target.negative: ~targets[:, 0], target.positive: targets[:, 0]}
    if isinstance(target, MultiClass):
        return {label: targets[:, 0] == place for place, label in enumerate(target.classes)}
    return dict(zip(getattr(target, "labels", ()), targets.T, strict=False))


def test_examples_are_medians_and_modes_of_the_label(kinds: Predictor) -> None:
    predictor = with_sample(kinds)
    assert predictor.sample is not None
    frame = pd.DataFrame(predictor.sample.rows, columns=list(predictor.schema.names))
    masks = masks_of(predictor)
    found = examples(predictor)
    assert [each["label"] for each in found] == list(masks)
    colours = predictor.schema.features[1].categories
    for each in found:
        rows = frame[masks[each["label"]]]
        assert each["values"] == {
            "size": pytest.approx(rows["size"].median(), rel=1e-15),
            "colour": colours[int(rows["colour"].mode()[0])],
            "smokes": bool(rows["smokes"].mode()[0]),
            "score": round(rows["score"].median()),
        }
        assert type(each["values"]["score"]) is int


def test_quartiles_are_those_of_the_kept_rows(kinds: Predictor) -> None:
    predictor = with_sample(kinds)
    assert predictor.sample is not None
    found = quartiles(predictor)
    assert list(found) == ["size", "score"]
    for name, column in (("size", 0), ("score", 3)):
        expected = pd.Series(predictor.sample.rows[:, column]).quantile([0.25, 0.5, 0.75])
        np.testing.assert_allclose(found[name], expected, rtol=1e-14)


def test_a_model_without_rows_has_typical_values_only(kinds: Predictor) -> None:
    assert (quartiles(kinds), examples(kinds)) == ({}, [])
    values = {"size": 4.0, "colour": "dark blue", "smokes": False, "score": 5}
    assert typical_values(kinds) == values


def test_the_recipe_states_typical_values(kinds: Predictor) -> None:
    given_values = (2.5, "grün", True, 10)
    features = tuple(
        feature.model_copy(update={"typical": value})
        for feature, value in zip(kinds.schema.features, given_values, strict=True)
    )
    schema = kinds.schema.model_copy(update={"features": features})
    assert tuple(typical_values(replace(kinds, schema=schema)).values()) == given_values


def test_typical_values_are_within_the_range(kinds: Predictor) -> None:
    encoder = replace(kinds.encoder, fill=np.array([-3.0, 1, 0, 11.5]))
    found = typical_values(replace(kinds, encoder=encoder))
    assert (found["size"], found["score"]) == (0, 10)


def test_all_values_are_valid_and_predicted(kinds: Predictor) -> None:
    predictor = with_sample(kinds)
    for values in (typical_values(predictor), *(each["values"] for each in examples(predictor))):
        rows = raw(predictor, values)
        predictor.check_rows(rows)
        assert np.isfinite(predictor.predict(rows)).all()


@pytest.mark.parametrize("rows", [MIN_ROWS - 1, MIN_ROWS])
def test_a_label_of_few_rows_has_no_example(predictor: Predictor, rows: int) -> None:
    positive = np.arange(20) < rows
    numbers = np.arange(20.0)
    values = np.stack([numbers, 7 * numbers % 20], axis=1)  # the medians are of different rows
    features = Feature(name="x"), Feature(name="y")
    found = examples(with_rows(predictor, features, values, positive))
    assert [each["label"] for each in found] == ["no", "yes"][: 1 + (rows >= MIN_ROWS)]


@pytest.mark.parametrize("count", [7, 8])
def test_no_example_is_a_row_of_one_case(predictor: Predictor, count: int) -> None:
    # The median of one column with an odd number of values is one of them.
    values = np.arange(2.0 * count)[:, np.newaxis] ** 1.5
    positive = np.arange(2 * count) >= count
    found = examples(with_rows(predictor, (Feature(name="x"),), values, positive))
    assert len(found) == 2
    assert not {each["values"]["x"] for each in found} & set(values[:, 0].tolist())


@pytest.mark.parametrize(("shared", "labels"), [(MIN_ROWS, ["no", "yes"]), (MIN_ROWS - 1, ["yes"])])
def test_an_example_may_be_what_several_rows_share(
    predictor: Predictor, shared: int, labels: list[str]
) -> None:
    # Without the rows with 3 and a label, too few of "no" remain.
    values = np.array([1.0] * 2 + [3.0] * shared + [5.0] * 2 + [8.0] * 6)[:, np.newaxis]
    positive = values[:, 0] == 8
    found = examples(with_rows(predictor, (INTEGER,), values, positive))
    assert [each["label"] for each in found] == labels


def test_an_example_that_stays_a_row_is_left_out(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typical_rows, "MAX_ATTEMPTS", 3)
    values = np.repeat(np.arange(11.0), 3)[:, np.newaxis]
    targets = np.zeros(len(values), bool)
    assert examples(with_rows(predictor, (INTEGER,), values, targets)) == []


def test_many_labels_of_many_features_have_no_examples(
    kinds: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = with_sample(kinds)
    labels = len(masks_of(predictor))
    monkeypatch.setattr(typical_rows, "MAX_EXAMPLE_VALUES", 4 * labels)
    assert len(examples(predictor)) == labels
    monkeypatch.setattr(typical_rows, "MAX_EXAMPLE_VALUES", 4 * labels - 1)
    assert len(examples(predictor)) == 0


def test_values_without_a_known_one_are_those_of_the_encoder(kinds: Predictor) -> None:
    predictor = with_sample(kinds)
    assert predictor.sample is not None
    rows = predictor.sample.rows.copy()
    rows[:, 1] = np.nan
    rows[:, 0] = np.nan
    features = list(kinds.schema.features)
    features[0] = features[0].model_copy(update={"may_be_missing": True})
    schema = kinds.schema.model_copy(update={"features": tuple(features)})
    sample = replace(predictor.sample, rows=rows)
    predictor = replace(predictor, schema=schema, sample=sample)
    assert list(quartiles(predictor)) == ["score"]
    for each in examples(predictor):
        assert (each["values"]["size"], each["values"]["colour"]) == (4.0, "dark blue")


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Feature, ...], Array, Array]:
    """Return features of all kinds, and rows that a model may keep of them."""
    rows = draw(st.integers(0, 30))
    features, columns = [], []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["integer", "number", "category", "boolean"]))
        fields: dict[str, Any] = {"name": f"f{number}", "type": kind, "may_be_missing": True}
        high = 1.0
        if kind == "category":
            count = draw(st.integers(2, 5))
            fields["categories"] = tuple(f"c{each}" for each in range(count))
            is_open = draw(st.booleans())
            fields["unseen"] = "other" if is_open else None
            high = count - 1 + is_open
        values = st.integers(0, int(high)).map(float)
        if kind in ("integer", "number"):
            low = draw(st.integers(-1000, 1000)) + draw(st.sampled_from([0.0, 0.5]))
            fields["minimum"] = draw(st.sampled_from([None, low]))
            fields["maximum"] = draw(st.sampled_from([None, low + 2]))
            if kind == "number":
                values = st.floats(allow_nan=False, allow_infinity=False)
            else:
                values = st.integers(-(2**53), 2**53).map(float)
            values = st.one_of(values, st.sampled_from([low + 0.5, low + 1.5]).map(np.floor))
            if (fields["minimum"], fields["maximum"]) != (None, None):
                fields["out_of_range"] = "clip"
        features.append(Feature.model_validate(fields))
        values = st.one_of(values, st.just(np.nan))
        columns.append(draw(st.lists(values, min_size=rows, max_size=rows)))
    positive = np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), dtype=bool)
    return tuple(features), np.array(columns, float).reshape(len(features), rows).T, positive


def test_values_of_any_kind_are_valid(predictor: Predictor) -> None:
    @given(tables())
    def check(table: tuple[tuple[Feature, ...], Array, Array]) -> None:
        made = with_rows(predictor, *table)
        closed = tuple(
            each.model_copy(update={"out_of_range": None, "unseen": None})
            for each in made.schema.features
        )
        strict = replace(made, schema=made.schema.model_copy(update={"features": closed}))
        for values in (typical_values(made), *(each["values"] for each in examples(made))):
            assert list(values) == [each.name for each in made.schema.features]
            strict.check_rows(raw(made, values))
        for low, middle, high in quartiles(made).values():
            assert low <= middle <= high
            assert np.isfinite([low, high]).all()

    check()
