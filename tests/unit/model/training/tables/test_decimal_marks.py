"""The decimal mark of a table's columns."""

import pandas as pd
import pytest

from model.prediction.numerals import Decimal
from model.training.tables.decimal_marks import find_decimal


@pytest.mark.parametrize(
    ("columns", "delimiter", "decimal"),
    [
        ([["1.5", "2"]], ",", None),
        ([["1,5", "2"]], ";", ","),
        ([["1,5", "2"]], ",", ","),  # in quotes
        ([["1", "2"], ["x", "y"]], ";", None),
        ([["1,234", "12,345"]], ",", "."),
        ([["1,234", "12,345"]], None, "."),
        ([["1,234", "2,345"]], ";", ","),
        ([["1,234", "2,345"], ["0.5"]], ";", "."),
        ([["1.234", "2.345"]], ";", None),
        ([["1.234,5", "2"]], ";", ","),
        ([["1,234.5", "2"]], ";", None),
        ([["1,234.5", "1,234"]], ";", "."),
        ([["1,5", "NA", "...", "-", ""]], ";", ","),
        ([["1,5", "a, b"]], ";", None),  # a column of texts
        ([["1,5"], ["2.5"]], ";", None),
        ([["1,5"], ["2,5"], ["2.5"]], ";", ","),
        ([["1.2.2020", "3.2.2020"], ["0,5"]], ";", ","),
        ([[""]], ";", None),
    ],
)
def test_decimal(columns: list[list[str]], delimiter: str | None, decimal: Decimal | None) -> None:
    assert find_decimal((pd.Series(cells) for cells in columns), delimiter) == decimal
