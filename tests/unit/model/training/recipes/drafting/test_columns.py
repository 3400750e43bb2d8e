"""Columns of a table, and names of features for those that the service cannot take."""

import pandas as pd
import pytest

from model.prediction.names import is_name
from model.training.recipes.drafting.columns import read_columns


def read(*names: str) -> tuple[dict[str, str], list[str]]:
    frame = pd.DataFrame([["1"] * len(names)], dtype=object).set_axis(list(names), axis=1)
    columns, repeated = read_columns(frame)
    return {column.source: column.name for column in columns}, repeated


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("größe (mm)", "größe (mm)"),
        ('$x$ [y] {z: "1"},', '$x$ [y] {z: "1"},'),
        ("a\tb\nc", "a b c"),
        ("", "column 2"),
        ("\x7f", "column 2"),
        ("instances", "instances (column 2)"),
        ("n" * 200, "n" * 89 + " (column 2)"),
    ],
)
def test_a_feature_has_the_name_of_its_column_or_one_like_it(source: str, name: str) -> None:
    assert read("a", source) == ({"a": "a", source: name}, [])
    assert is_name(name)


def test_names_are_distinct() -> None:
    names = read("a b", "a\tb", "a\nb", "column 5", "")[0]
    assert len({*names.values()}) == 5
    assert names["a b"] == "a b"


def test_repeated_names_are_no_columns() -> None:
    assert read("a", "b", "a", "", "") == ({"b": "b"}, ["a", ""])
