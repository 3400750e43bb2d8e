"""The delimiter of a CSV table."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.prediction.delimiters import DELIMITERS, find_delimiter

NAMES = ("age", "dose; mg", "size, cm", "größe")


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("age,x,y\n", ","),
        ("age;x;y\r\n", ";"),
        ("age\tx\ty", "\t"),
        ("age", ","),
        ("x;y", ";"),  # neither has a name
        ('"x, y";"z, a";b', ";"),  # by a comma it is no CSV
        ("age,dose; mg\n", ","),
        ("size, cm;age;dose\n", ";"),
        ('"dose; mg","size, cm"\n', ","),
        ('"dose; mg";"size, cm"\n', ";"),
        ("id;age\n", ";"),
        (unicodedata.normalize("NFD", "größe;x"), ";"),
        ('age;"x\n', ";"),  # a name of another column continues on the next line
        ('"dose, a;\n b";"size, cm"\n1,2;3,4\n', ";"),
    ],
)
def test_by_the_names(header: str, delimiter: str) -> None:
    assert find_delimiter(header, NAMES) == delimiter


@pytest.mark.parametrize(
    ("header", "delimiter"), [("a;b;c", ";"), ("a\tb", "\t"), ("a", ","), ("a,b;c,d", ",")]
)
def test_without_names_it_is_the_one_with_most_columns(header: str, delimiter: str) -> None:
    assert find_delimiter(header, ()) == delimiter


@given(
    st.lists(st.text(';,\t" aé', min_size=1).map(str.strip).filter(bool), min_size=2, unique=True),
    st.sampled_from(DELIMITERS),
)
def test_a_header_is_read_by_the_delimiter_it_was_written_with(
    names: list[str], delimiter: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(names)
    found = find_delimiter(text.getvalue(), names)
    cells = [cell.strip() for cell in next(csv.reader([text.getvalue()], delimiter=found))]
    assert set(cells) >= set(names)
