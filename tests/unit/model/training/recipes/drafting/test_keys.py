"""Identifiers and row numbers are found by their content, and their names."""

from collections.abc import Sequence

import pandas as pd
import pytest

from model.training.recipes.drafting.columns import Column
from model.training.recipes.drafting.content import Content
from model.training.recipes.drafting.keys import groups_rows, is_key, is_row_number

UNIQUE = [f"{7 * k}" for k in range(100)]
REPEATED = [f"{7 * (k // 4)}" for k in range(100)]
FEW = [f"{k % 5}" for k in range(100)]


def column_of(name: str, cells: Sequence[str]) -> tuple[Column, Content]:
    series = pd.Series(list(cells), name=name, dtype=object)
    return Column(name, name, series), Content(series)


@pytest.mark.parametrize(
    ("name", "cells", "key"),
    [
        ("id", UNIQUE, True),
        ("UserID", UNIQUE, True),
        ("Customer ID", REPEATED, True),
        ("PassengerId", UNIQUE, True),
        ("patient", REPEATED, True),
        ("patient_no", REPEATED, True),
        ("rownames", UNIQUE, True),
        ("", UNIQUE, True),
        ("patient_age", REPEATED, False),
        ("idle", UNIQUE, False),
        ("site_id", FEW, False),
        ("rownames", FEW, False),
        ("id", [f"{k / 7}" for k in range(100)], False),
        ("body mass index", UNIQUE, False),
    ],
)
def test_a_key_has_the_name_and_the_values_of_one(name: str, cells: list[str], key: bool) -> None:
    assert is_key(*column_of(name, cells)) == key


def test_a_key_that_repeats_makes_groups() -> None:
    assert groups_rows(column_of("id", REPEATED)[1])
    assert not groups_rows(column_of("id", UNIQUE)[1])


@pytest.mark.parametrize(
    ("name", "numbers", "expected"),
    [
        ("x", range(1, 101), True),
        ("x", range(500, 505), True),
        ("x", [3, 1, 2, 0, *range(4, 30)], True),
        ("x", [3, 1, 2, 0, 4], False),
        ("x", range(0, 200, 2), False),
        ("x", [*range(1, 100), 99], False),
        ("birth_year", range(1900, 2000), False),
    ],
)
def test_a_row_number_is_consecutive(name: str, numbers: Sequence[int], expected: bool) -> None:
    assert is_row_number(*column_of(name, [*map(str, numbers)])) == expected
