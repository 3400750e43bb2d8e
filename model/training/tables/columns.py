"""Columns of a table by name: as text, or as the raw values of features."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as DecimalNumber
from typing import Any

import numpy as np
import pandas as pd

from model.arrays import Array
from model.errors import DataError
from model.prediction.cells import CellParser, plain_text
from model.prediction.names import all_nfc, columns_are, nfc
from model.prediction.numerals import Decimal
from model.prediction.schema import Feature
from model.prediction.schema_rules import SchemaRules


@dataclass(frozen=True)
class ParsedRows:
    """Raw values of features, and which of them are invalid.

    Attributes:
        values: `(B, F)`, float64, NaN where missing; undefined where invalid.
        invalid: Mask of the values that break the rule of their feature, `(B, F)`, bool; None if
            all are present, known and in range.
        names: Names of the columns, `(F,)`.
        parsers: Parsers of the features, `(F,)`.
        frame: The table.
    """

    values: Array
    invalid: Array | None
    names: list[str]
    parsers: list[CellParser]
    frame: pd.DataFrame

    def rule(self, row: int, column: int) -> str:
        """Return the rule that an invalid value breaks.

        Args:
            row: Number of the row.
            column: Number of the feature.
        """
        cell = str(self.frame[self.names[column]].iloc[row])
        return self.parsers[column].broken_rule(cell)

    def require_valid(self, gaps: int = 0) -> None:
        """Check that no value is invalid.

        Args:
            gaps: Number of features, from the first, that may be missing against their rule.

        Raises:
            DataError: A value is invalid; the text names the line and the column.
        """
        if self.invalid is None:
            return
        invalid = self.invalid.copy()
        invalid[:, :gaps] &= ~np.isnan(self.values[:, :gaps])
        if invalid.any():
            column = int(invalid.any(axis=0).argmax())
            row = int(invalid[:, column].argmax())
            place = f"line {self.frame.index[row]}, column {self.names[column]!r}"
            raise DataError(f"{place}: {self.rule(row, column)}")


def parse_rows(
    frame: pd.DataFrame,
    features: Sequence[Feature],
    missing_values: tuple[str, ...] = (),
    decimal: Decimal | None = None,
) -> ParsedRows:
    """Read and check the raw values of features.

    Args:
        frame: The table; its names are in the form NFC, as `with_nfc_names` returns them.
        features: F features; the column of each has the name in `column`, or its name.
        missing_values: Texts that are read as missing (see `Schema`).
        decimal: The decimal mark of numbers in text, if it is stated.

    Raises:
        DataError: If a column is missing or its name occurs more than once.
    """
    rules = SchemaRules(features, missing_values)
    parsers = [CellParser(each, missing_values, decimal) for each in features]
    names = [_name(frame, each) for each in features]
    columns = [
        _numbers(_column(frame, name), feature, parser)
        for name, feature, parser in zip(names, features, parsers, strict=True)
    ]
    values = rules.with_gaps(np.column_stack(columns))
    return ParsedRows(values, rules.check(values), names, parsers, frame)


def read_rows(
    frame: pd.DataFrame,
    features: Sequence[Feature],
    missing_values: tuple[str, ...] = (),
    gaps: int = 0,
    decimal: Decimal | None = None,
) -> Array:
    """Read the raw values of features, which must be valid.

    Args:
        frame: As in `parse_rows`.
        features: As in `parse_rows`.
        missing_values: As in `parse_rows`.
        gaps: Number of features, from the first, whose cells may be empty against their rule.
        decimal: As in `parse_rows`.

    Returns:
        Shape (B, F), float64, NaN for a missing value.

    Raises:
        DataError: If a column is missing or its name occurs more than once, or a cell breaks the
            rule of its feature; the text names the line and the column.
    """
    parsed = parse_rows(frame, features, missing_values, decimal)
    parsed.require_valid(gaps)
    return parsed.values


def read_text(frame: pd.DataFrame, name: str | None) -> Array | None:
    """Read a column as an array of text, shape (B,).

    Args:
        frame: The table.
        name: Name of the column. None returns None.

    Raises:
        DataError: If the column is missing, or the name occurs more than once.
    """
    return None if name is None else np.array(all_nfc(as_text(_column(frame, name))), dtype=str)


def with_nfc_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the names of its columns in the form NFC."""
    return frame.set_axis(all_nfc(frame.columns), axis=1)


def with_gaps(
    frame: pd.DataFrame,
    names: Iterable[str],
    missing_values: tuple[str, ...],
    decimal: Decimal | None = None,
) -> pd.DataFrame:
    """Return a table with empty cells in place of some texts.

    Args:
        frame: The table.
        names: Names of the columns to change.
        missing_values: The texts.
        decimal: The decimal mark of numbers in text, if it is stated.

    Raises:
        DataError: If a column is missing, or its name occurs more than once.
    """
    if not missing_values:
        return frame
    columns = {name: as_text(_column(frame, name), decimal) for name in names}
    missing = frozenset(missing_values)
    return frame.assign(
        **{
            name: cells.map(lambda cell: "" if nfc(cell) in missing else cell)
            for name, cells in columns.items()
        }
    )


def with_labels(
    frame: pd.DataFrame, name: str, labels: Mapping[str, str], decimal: Decimal | None = None
) -> pd.DataFrame:
    """Return a table with the cells of a column replaced.

    Args:
        frame: The table.
        name: Name of the column.
        labels: Replacements by cell. Rows whose replacement is "" are left out.
        decimal: The decimal mark of numbers in text, if it is stated.

    Raises:
        DataError: If the column is missing, or the name occurs more than once.
    """
    if not labels:
        return frame
    cells = as_text(_column(frame, name), decimal)
    plain = {plain_text(cell): label for cell, label in labels.items()}
    meant = {
        cell: labels.get(nfc(cell), plain.get(plain_text(cell, decimal))) for cell in set(cells)
    }
    kept = cells.map(lambda cell: meant[cell] != "")
    replaced = cells.map(lambda cell: cell if meant[cell] is None else meant[cell])
    return frame.assign(**{name: replaced})[kept]


def as_text(column: "pd.Series[Any]", decimal: Decimal | None = None) -> "pd.Series[str]":
    """Return a column's cells as a CSV file would have them, "" for null and NaN.

    A column of text is returned as it is.

    Args:
        column: The column.
        decimal: The decimal mark of numbers, if it is stated.
    """
    if not isinstance(column.dtype, pd.ArrowDtype):
        return column
    try:
        codes, distinct = pd.factorize(column)
    except NotImplementedError:  # Arrow cannot compare lists or records
        codes, distinct = np.arange(len(column)), pd.Index(column)
    cells = distinct.array.__arrow_array__().to_pylist()
    # Code -1, null, is the last one.
    texts = np.array([*(cell_text(cell, decimal) for cell in cells), ""], dtype=object)
    return pd.Series(texts[codes], index=column.index, name=column.name, dtype=object)


def cell_text(value: Any, decimal: Decimal | None = None) -> str:
    """Return the text of a cell that has a type, without blanks around it.

    Args:
        value: The cell. A whole number has no fraction; None and NaN have no text.
        decimal: The decimal mark of numbers, if it is stated.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    is_fraction = decimal == "," and isinstance(value, float | DecimalNumber)
    return text.replace(".", ",") if is_fraction else text


def _name(frame: pd.DataFrame, feature: Feature) -> str:
    """Return the name that a feature's column has in a table."""
    has_alias = feature.source not in frame.columns and feature.name in frame.columns
    return feature.name if has_alias else feature.source


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    count = list(frame.columns).count(name)
    if not count:
        raise DataError(f"no column {name!r}; {columns_are(frame.columns)}")
    if count > 1:
        raise DataError(f"column {name!r} occurs {count} times: rename or remove the others")
    return frame[name]


def _numbers(column: "pd.Series[Any]", feature: Feature, parser: CellParser) -> Array:
    """Return the values of a numeric or boolean column, or parse text."""
    kinds = {"category": "", "boolean": "biuf"}.get(feature.type, "iuf")
    if column.dtype.kind in kinds:
        return column.to_numpy(dtype=float, na_value=np.nan)
    cells = as_text(column, parser.decimal).tolist()
    numbers = _parse(cells, parser) if parser.is_number else None
    if numbers is not None:
        return numbers
    known = {text: parser(text) for text in set(cells)}
    return np.fromiter(map(known.__getitem__, cells), dtype=float, count=len(cells))


def _parse(cells: list[str], parser: CellParser) -> Array | None:
    """Parse all cells at once; None if a cell is not a plain number."""
    missing = parser.missing
    present = ["nan" if cell in missing else cell for cell in cells]
    if parser.decimal == ",":
        if any("." in cell for cell in present):
            return None
        present = [cell.replace(",", ".") for cell in present]
    try:
        numbers = np.array(present, dtype=object).astype(float)
    except ValueError:
        return None
    # float() accepts other spellings of NaN and underscores too.
    gaps = sum(map(missing.__contains__, cells))
    is_strict = np.isnan(numbers).sum() == gaps and "_" not in "".join(present)
    return numbers if is_strict else None
