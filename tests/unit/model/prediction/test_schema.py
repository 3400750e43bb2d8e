"""Features: their names, their rules as text and as checks; schemas."""

import math

import pytest
from pydantic import ValidationError

from model.prediction.schema import Feature, Schema, levels_text
from model.prediction.target import Binary

SCORE = Feature(name="score", type="integer", minimum=1, maximum=10)


def schema_of(*names: str, negative: str = "no", positive: str = "yes") -> Schema:
    features = tuple(Feature(name=name) for name in names)
    return Schema(features=features, target=Binary(negative=negative, positive=positive))


@pytest.mark.parametrize(
    ("feature", "rule"),
    [
        (SCORE, "must be an integer from 1 to 10"),
        (Feature(name="x"), "must be a number"),
        (Feature(name="x", minimum=0.5), "must be a number, at least 0.5"),
        (Feature(name="x", type="integer", maximum=-3), "must be an integer, at most -3"),
        (Feature(name="x", may_be_missing=True), "must be a number or null"),
        (Feature(name="x", minimum=0, maximum=1e6), "must be a number from 0 to 1e+06"),
    ],
)
def test_rule(feature: Feature, rule: str) -> None:
    assert feature.rule == rule


@pytest.mark.parametrize(
    "name", ["a", "mean radius", "größe (mm)", "x" * 100, "a;b", "'a'", "1", '":,{}[]']
)
def test_name(name: str) -> None:
    assert schema_of(name).names == (name,)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "at least 1 character"),
        ("x" * 101, "at most 100 characters"),
        ("instances", "a feature cannot be named 'instances'"),
        *((f"a{sign}b", "must have no control characters") for sign in "\n\r\t\0\x1f\x7f"),
        ("a\n", "must have no control characters"),
    ],
)
def test_invalid_name(name: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Feature(name=name)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"minimum": 3, "maximum": 3}, "minimum must be below maximum"),
        ({"minimum": 4, "maximum": 3}, "minimum must be below maximum"),
        ({"minimum": math.nan}, "finite number"),
        ({"maximum": math.inf}, "finite number"),
        ({"minimum": "1"}, "valid number"),
        ({"minimum": True}, "valid number"),
        ({"may_be_missing": 1}, "valid boolean"),
        ({"type": "float"}, "should be 'integer', 'number', 'category' or 'boolean'"),
        ({"minimun": 1}, "Extra inputs are not permitted"),
    ],
)
def test_invalid_feature(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Feature.model_validate({"name": "x"} | wrong)


DISPLAY = {
    "label": "Score of cells",
    "group": "Cells",
    "step": 1.0,
    "levels": {"10": "many", "1": "few"},
    "typical": 5,
}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"label": ""}, "at least 1 character"),
        ({"label": "x" * 101}, "at most 100 characters"),
        ({"group": "x" * 101}, "at most 100 characters"),
        ({"label": "a\nb"}, "must have no control characters"),
        ({"step": 0.0}, "greater than 0"),
        ({"step": math.nan}, "finite number|greater than 0"),
        ({"step": 0.5}, "step of an integer must be a whole number"),
        ({"type": "boolean", "minimum": None, "maximum": None, "step": 1.0}, "step is for numbers"),
        ({"type": "number", "levels": {"1": "few"}}, "levels are for type integer"),
        ({"levels": {"11": "many"}}, "the keys of levels must be from minimum to maximum"),
        ({"levels": {"01": "few"}}, "the keys must be integers"),
        ({"levels": {"1.0": "few"}}, "the keys must be integers"),
        ({"levels": {"9" * 5000: "few"}}, "the keys must be integers"),
        ({"levels": {True: "few"}}, "the keys must be integers"),
        ({"levels": {}}, "must have 1 to 1000 texts"),
        ({"levels": ["few"]}, "must be a table of integers and texts"),
        ({"levels": {"1": ""}}, "at least 1 character"),
        ({"levels": {"1": "x" * 301}}, "at most 300 characters"),
        ({"levels": {"1": 1}}, "valid string"),
        ({"typical": 0}, "typical must be an integer from 1 to 10"),
        ({"typical": 5.0}, "typical must be an integer from 1 to 10"),
        ({"typical": True}, "typical must be an integer from 1 to 10"),
        ({"typical": "5"}, "typical must be an integer from 1 to 10"),
        ({"typical": [5]}, "typical: must be|must be a number, a text, true or false"),
        ({"typical": 10, "maximum": 9.5, "out_of_range": "clip"}, "an integer from 1 to 9.5"),
    ],
)
def test_invalid_display(wrong: dict[str, object], why: str) -> None:
    score = {"name": "score", "type": "integer", "minimum": 1, "maximum": 10}
    with pytest.raises(ValidationError, match=why):
        Feature.model_validate(score | wrong)


@pytest.mark.parametrize(
    ("fields", "typical", "wrong"),
    [
        ({"type": "boolean"}, False, 0),
        ({"type": "category", "categories": ("a", "é")}, "e\u0301", "b"),
        ({"type": "category", "categories": ("a", "b"), "unseen": "other"}, "b", "other"),
        ({"type": "number", "maximum": 1.5}, 1.5, 1.75),
        ({"type": "number"}, -2, 10**400),
        ({"type": "number"}, 2.5, math.nan),
        ({"type": "integer"}, -(10**15), math.inf),
    ],
)
def test_a_typical_value_is_valid(
    fields: dict[str, object], typical: object, wrong: object
) -> None:
    feature = Feature.model_validate({"name": "x", "typical": typical} | fields)
    spelled = "é" if typical == "e\u0301" else typical
    assert (feature.typical, type(feature.typical)) == (spelled, type(typical))
    assert Feature.model_validate_json(feature.model_dump_json()) == feature
    with pytest.raises(ValidationError, match="typical must be "):
        Feature.model_validate({"name": "x", "typical": wrong} | fields)


def test_display_is_kept_in_json_and_left_out_where_it_is_not_given() -> None:
    feature = Feature.model_validate(SCORE.model_dump() | DISPLAY)
    assert feature.levels == {1: "few", 10: "many"}
    assert feature.shown_name == "Score of cells"
    assert SCORE.shown_name == "score"
    assert feature.model_dump(mode="json").items() >= DISPLAY.items()
    assert Feature.model_validate_json(feature.model_dump_json()) == feature
    assert not set(DISPLAY) & set(SCORE.model_dump())


def test_features_with_levels_have_a_hash() -> None:
    one, other = (Feature.model_validate(SCORE.model_dump() | DISPLAY) for _ in range(2))
    assert len({one, other, SCORE}) == 2


def test_levels_are_listed_in_order() -> None:
    assert levels_text({}) == ""
    assert levels_text({"10": "many", "2": "some", "-1": "few"}) == "-1: few; 2: some; 10: many."
    assert levels_text(dict.fromkeys(range(15), "x")).endswith("; 11: x; and 3 more.")


def test_invalid_schema() -> None:
    with pytest.raises(ValidationError, match="feature 'b' is listed twice"):
        schema_of("a", "b", "c", "b")
    with pytest.raises(ValidationError, match="at least 1 item"):
        schema_of()
    with pytest.raises(ValidationError, match="the two labels must differ"):
        schema_of("a", negative="same", positive="same")
    with pytest.raises(ValidationError, match="at least 1 character"):
        schema_of("a", negative="")
    with pytest.raises(ValidationError, match="must have no control characters"):
        schema_of("a", positive="a\nb")


def test_a_feature_may_have_a_column_of_another_name() -> None:
    plain, other = Feature(name="a"), Feature(name="b", column="")
    schema = Schema(features=(plain, other), target=Binary(negative="n", positive="p"))
    assert (schema.names, schema.sources) == (("a", "b"), ("a", ""))
    assert ("column" in plain.model_dump(), other.model_dump()["column"]) == (False, "")
    assert Schema.model_validate_json(schema.model_dump_json()) == schema


@pytest.mark.parametrize("columns", [("c", "c"), ("b", None), (None, "a")])
def test_a_column_is_that_of_one_feature(columns: tuple[str | None, str | None]) -> None:
    features = [{"name": "a", "column": columns[0]}, {"name": "b", "column": columns[1]}]
    target = {"task": "binary", "negative": "n", "positive": "p"}
    with pytest.raises(ValidationError, match="is that of another"):
        Schema.model_validate({"features": features, "target": target})


def test_names_keep_their_order() -> None:
    assert schema_of("b", "a", "c").names == ("b", "a", "c")


def test_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SCORE.name = "other"  # type: ignore[misc]


def test_json_round_trip() -> None:
    schema = Schema(
        features=(SCORE, Feature(name="x", unit="mm")), target=Binary(negative="n", positive="p")
    )
    assert Schema.model_validate_json(schema.model_dump_json()) == schema
