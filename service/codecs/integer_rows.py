"""Rows of small integers, read from text by comparing it with its first row.

The rows of a table are often written alike: they differ only in the digits of their numbers. If the
first row is valid JSON, and every other row has the same characters around its numbers, then every
row is valid JSON with the same names in the same order. Lines of CSV need no first row. NumPy
compares texts and converts digits in a tenth of the time of a parser, without a Python object for
each number, and without holding the interpreter.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic_core import from_json

from model.arrays import Array

WORK_BYTES: Final = 40  # memory of reading a byte of text
MAX_DIGITS: Final = 5
NULL: Final = b"99999"  # read in place of null and of an empty cell
_DIGITS: Final = b"0123456789"
_EMPTY_CELL: Final = re.compile(rb"(?<=[,\n])(?=[,\n])")
_SPACE: Final = b" \t\r\n"


def read_integer_rows(text: bytes, names: Sequence[str]) -> Array | None:
    """Return the numbers of rows that are written alike.

    Args:
        text: Rows in JSON with commas between them, in brackets.
        names: F names of features.

    Returns:
        The rows `(B, F)` float64, with columns in the order of the names, NaN where null. None if
        the rows are invalid, are not written alike, or have another value than null and integers
        from 0 to 99 999.
    """
    numbers = _read(text, names)
    if numbers is None and b"null" in text and NULL not in text:
        numbers = _with_nan(_read(text.replace(b"null", NULL), names))
    return numbers


def read_integer_lines(lines: bytes, columns: int) -> Array | None:
    """Return the numbers of lines of comma-separated cells.

    Args:
        lines: Lines, each with its newline.
        columns: Number of cells of a line.

    Returns:
        The rows `(B, columns)` float64, NaN where a cell is empty. None if a line has more or fewer
        cells, or another cell than an integer from 0 to 99 999, or if many cells are empty.
    """
    text, count = b"\n" + lines, lines.count(b"\n")
    if text.translate(None, _DIGITS) != (b"\n" + b"," * (columns - 1)) * count + b"\n":
        return None
    numbers = _numbers(np.frombuffer(text, np.uint8), count, columns, columns)
    # With more empty cells, the text would grow far, and it would take longer than the csv module.
    few_are_empty = 0 < sum(map(text.count, (b"\n,", b",,", b",\n"))) <= count
    if numbers is None and few_are_empty and NULL not in text:
        text = _EMPTY_CELL.sub(NULL, text)
        numbers = _with_nan(_numbers(np.frombuffer(text, np.uint8), count, columns, columns))
    return numbers


def _with_nan(numbers: Array | None) -> Array | None:
    """Replace NULL by NaN."""
    if numbers is not None:
        numbers[numbers == float(NULL)] = np.nan
    return numbers


def _read(text: bytes, names: Sequence[str]) -> Array | None:
    closing = b"}" if text[1:2] == b"{" else b"]"
    end = text.find(closing) + 1
    following = text.find(text[1:2], end, -1)
    first, between = text[1:end], text[end:following] if following > 0 else b","
    order = _order(first, names)
    if order is None or between.strip(_SPACE) != b",":
        return None
    rows = text[1:-1] + between  # in equal steps, but for the digits
    step, without_digits = (each.translate(None, _DIGITS) for each in (first + between, rows))
    count = len(without_digits) // len(step)
    if without_digits != step * count:
        return None
    numbers = _numbers(np.frombuffer(rows, np.uint8), count, len(names), len(step))
    return numbers if numbers is None or order == list(range(len(names))) else numbers[:, order]


def _order(row: bytes, names: Sequence[str]) -> list[int] | None:
    """Return the place of each feature's value in a row; None if it has other values as well."""
    try:
        values = from_json(row, allow_inf_nan=False)
    except ValueError:
        return None
    if isinstance(values, dict):
        place_of = {name: place for place, name in enumerate(values)}
        order = [place_of.get(name, -1) for name in names]
        values = list(values.values())
    elif isinstance(values, list):
        order = list(range(len(values)))
    else:
        return None
    if len(values) != len(names) or -1 in order or set(map(type, values)) != {int}:
        return None
    return order


def _numbers(text: Array, rows: int, columns: int, step: int) -> Array | None:
    """Return the numbers `(rows, columns)` that the digits of a text spell.

    Args:
        text: The characters as bytes, neither the first nor the last one a digit.
        rows: Number of rows.
        columns: Number of integers in each row; the first row has no fewer.
        step: Number of characters in each row that are no digits.

    Returns:
        The numbers; None if they are not at the same places in each row, or above 99 999.
    """
    is_digit = (text - ord("0")) < 10  # uint8 wraps around
    changes = np.flatnonzero(is_digit[1:] != is_digit[:-1])
    before, last = changes[::2], changes[1::2]  # places before the digits, and of the last digit
    if len(last) != rows * columns:  # the names or the values have more digits
        return None
    lengths = last - before
    most_digits = int(lengths.max())
    places = (last - lengths.cumsum()).reshape(rows, columns)  # in the text without digits
    if (
        (places != places[0] + step * np.arange(rows)[:, np.newaxis]).any()
        or most_digits > MAX_DIGITS
        or (most_digits > 1 and ((text[1:][before] == ord("0")) & (lengths > 1)).any())
        or (text[before[:columns]] == ord("-")).any()
    ):
        return None
    numbers = text[last] - 48.0
    for power in range(1, most_digits):
        longer = np.flatnonzero(lengths > power)
        numbers[longer] += 10.0**power * (text[last[longer] - power] - 48.0)
    return numbers.reshape(rows, columns)
