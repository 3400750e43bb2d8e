"""service/codecs/integer_rows.py: rows that are written alike, as a parser reads them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.arrays import Array
from service.codecs.integer_rows import read_integer_lines, read_integer_rows

NAMES = ("a", "b c")


def parsed(text: bytes) -> Array | None:
    """Return what a parser reads: rows of two numbers or null; None for any other text."""
    try:
        rows = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    except ValueError:
        return None
    if not isinstance(rows, list) or not rows:
        return None
    ordered = []
    for row in rows:
        if not isinstance(row, list):
            return None
        if row and all(isinstance(each, tuple) for each in row):
            if sorted(name for name, _ in row) != sorted(NAMES):
                return None
            values = [dict(row)[name] for name in NAMES]
        else:
            values = row
        if len(values) != len(NAMES) or not {*map(type, values)} <= {int, float, type(None)}:
            return None
        ordered.append(values)
    return np.array(ordered, dtype=float)


def same(found: Array, expected: Array | None) -> bool:
    return expected is not None and np.array_equal(found, expected, equal_nan=True)


ROW = '{"a":%s, "b c" : %s}'


@pytest.mark.parametrize("form", ["[%s,%s]", "[ %s\n, %s]", ROW, '{"b c":%s,"a":%s}'])
@pytest.mark.parametrize("separator", [",", ", ", " \n,\t\r\n"])
def test_rows_written_alike_are_read(form: str, separator: str) -> None:
    values = [(0, 10), (7, 99999), (123, 4), (1000, 20), (99998, 0)]
    for count in (1, 2, len(values)):
        text = ("[" + separator.join(form % row for row in values[:count]) + "]").encode()
        found = read_integer_rows(text, NAMES)
        assert found is not None
        assert found.dtype == np.float64
        assert same(found, parsed(text))


def test_null_is_a_missing_value() -> None:
    found = read_integer_rows(b"[[null,2],[10,null],[3,4]]", NAMES)
    assert found is not None
    assert same(found, np.array([[np.nan, 2], [10, np.nan], [3, 4]]))
    assert read_integer_rows(b"[[null,2],[99999,3]]", NAMES) is None


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[[]]",
        "[1,2]",
        "[[1,2]",
        "[[1,2],]",
        "[[1,2],,[1,2]]",
        "[[1,2];[1,2]]",
        "[[1,2][1,2]]",
        "[[1,2],[3]]",
        "[[1,2],[3,4,5]]",
        "[[1,2],[,34]]",
        "[[1,2],[3,45],[6,]]",
        "[[1,23],[4,],[5,6]]",
        "[[1,2],[3 4,5]]",
        "[[1,2],[3,05]]",
        "[[01,2],[3,5]]",
        "[[1,2],[3,100000]]",
        "[[1,2],[3,-5]]",
        "[[-0,2],[-3,5]]",
        "[[1.0,2],[3.5,4]]",
        "[[1e2,2],[1e3,4]]",
        "[[1,2],[3,4],[5,nullnull]]",
        "[[1,2],[3,4],[5,1null]]",
        "[[true,2],[3,4]]",
        '[["1",2],["3",4]]',
        "[[[1],2],[[3],4]]",
        '[{"a":1,"b c":2},{"b c":3,"a":4}]',
        '[{"a":1,"a":2},{"a":3,"a":4}]',
        '[{"a":1,"b c":2,"c":3},{"a":1,"b c":2,"c":3}]',
        '[{"a":1},{"a":2}]',
        '[{"a":1,"b}c":2},{"a":1,"b}c":2}]',
        '[{"a":1,"b c":2},[3,4]]',
        "[[1,2]\x0b,[3,4]]",
    ],
)
def test_other_rows_are_left_to_the_parser(text: str) -> None:
    assert read_integer_rows(text.encode(), NAMES) is None


def test_names_with_digits_are_left_to_the_parser() -> None:
    text = b'[{"x1":1,"x2":2},{"x1":3,"x2":4}]'
    assert read_integer_rows(text, ("x1", "x2")) is None
    assert read_integer_rows(b"[[1,2],[3,4]]", ("x1", "x2")) is not None


CELLS = st.sampled_from(["0", "5", "10", "123", "99999", "007", "-1", "1.5", "null", "", "true"])
ROWS = st.tuples(st.sampled_from(["[%s,%s]", ROW, '{"a1":%s,"b c":%s}']), CELLS, CELLS)
CHARACTERS = st.sampled_from(list('[]{},:" 0159nul-.e\n'))


@given(st.lists(ROWS, max_size=4), st.none() | st.tuples(st.integers(0, 60), CHARACTERS))
@example([("[%s,%s]", "5", "10"), ("[%s,%s]", "10", "5")], (7, "0"))
def test_what_is_read_is_what_a_parser_reads(
    rows: list[tuple[str, str, str]], change: tuple[int, str] | None
) -> None:
    text = "[" + ",".join(form % tuple(cells) for form, *cells in _alike(rows)) + "]"
    if change is not None:
        place, character = change
        text = text[:place] + character + text[place + 1 :]
    if text[:1] + text[-1:] != "[]":
        return
    found = read_integer_rows(text.encode(), NAMES)
    assert found is None or same(found, parsed(text.encode()))


def _alike(rows: list[tuple[str, str, str]]) -> list[Any]:
    """Return rows of the form of the first one."""
    return [(rows[0][0], *cells) for _, *cells in rows]


def test_lines_of_integers_are_read() -> None:
    found = read_integer_lines(b"1,20\n,300\n99998,\n4,5\n6,7\n", 2)
    assert found is not None
    nan = np.nan
    assert same(found, np.array([[1, 20], [nan, 300], [99998, nan], [4, 5], [6, 7]]))
    for lines in (b"1,2\n99999,3\n", b"10,2\n", b"1,\n"):
        found = read_integer_lines(lines, 2)
        expected = [[float(cell or "nan") for cell in line.split(b",")] for line in lines.split()]
        assert found is not None
        assert same(found, np.array(expected))


@pytest.mark.parametrize(
    "lines",
    [
        b"1,2\n3\n",
        b"1,2\n3,4,5\n",
        b"1\n2,3,4\n",
        b"1,2\n3,4",
        b"1,2\n3,-4\n",
        b"1,2\n3,4.5\n",
        b"1,2\n3, 4\n",
        b"1,2\n3,100000\n",
        b"1,2\n3,04\n",
        b"99999,\n",
        b",\n" * 3,
        b"a,b\n1,2\n",
    ],
)
def test_other_lines_are_left_to_the_reader(lines: bytes) -> None:
    assert read_integer_lines(lines, 2) is None
