"""model/prediction/row_facts.py: the features of each row that are imputed, clipped or unknown."""

import numpy as np

from model.prediction.row_facts import RowFacts, cells
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary


def facts(*optional: bool) -> RowFacts:
    features = tuple(Feature(name=f"f{n}", may_be_missing=each) for n, each in enumerate(optional))
    return RowFacts(Schema(features=features, target=Binary(negative="no", positive="yes")))


ROWS = np.array([[1, np.nan, np.nan], [1, 2, 3], [1, np.nan, 3]])


def test_the_missing_features_of_each_row() -> None:
    found = facts(False, True, True).find(ROWS)
    assert found == {"imputed": {0: ["f1", "f2"], 2: ["f1"]}}
    assert cells(found["imputed"], 3) == ["f1;f2", "", "f1"]


def test_a_cell_has_at_most_a_hundred_names() -> None:
    found = facts(*[True] * 102).find(np.full((1, 102), np.nan))
    assert len(found["imputed"][0]) == 102
    (text,) = cells(found["imputed"], 1)
    assert text.split(";")[-2:] == ["f99", "and 2 more"]


def test_all_rows_together() -> None:
    assert facts(False, True, True).summary(ROWS) == {"imputed": ["f1", "f2"]}
    assert facts(False, True, True).summary(ROWS[1:2]) == {}


def test_a_model_that_imputes_nothing_has_no_such_fact() -> None:
    none = facts(False, False, False)
    assert none.names == ()
    assert none.find(ROWS[1:2]) == {}
    assert none.memory_bytes(ROWS[1:2]) == 0


def test_memory_is_that_of_names() -> None:
    assert facts(True, True, True).memory_bytes(ROWS) >= sum(map(len, ["f1;f2", "", "f1"]))


OPEN = RowFacts(
    Schema(
        features=(
            Feature(name="a", minimum=0, maximum=9, out_of_range="clip", may_be_missing=True),
            Feature(name="b", type="category", categories=("x", "y"), unseen="other"),
            Feature(name="c", maximum=9, out_of_range="clip"),
        ),
        target=Binary(negative="no", positive="yes"),
    )
)


def test_clipped_numbers_and_unknown_categories() -> None:
    assert OPEN.names == ("imputed", "clipped", "unknown")
    rows = np.array([[0, 1, 9], [-0.1, 2, 10], [np.nan, 0, -1e308], [10, 1, 0]])
    assert OPEN.find(rows) == {
        "imputed": {2: ["a"]},
        "clipped": {1: ["a", "c"], 3: ["a"]},
        "unknown": {1: ["b"]},
    }
    assert OPEN.summary(rows) == {"imputed": ["a"], "clipped": ["a", "c"], "unknown": ["b"]}
    assert OPEN.summary(rows[3:]) == {"clipped": ["a"]}
    assert OPEN.memory_bytes(rows[:1]) == 0
    assert OPEN.memory_bytes(rows) > OPEN.memory_bytes(rows[1:2]) > 0
