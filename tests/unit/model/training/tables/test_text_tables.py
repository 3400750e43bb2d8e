"""The dialect of a text whose names are not known."""

from pathlib import Path

import pytest

from model.training.tables.table_format import Dialect
from model.training.tables.text_tables import SAMPLE_CHARACTERS, complete_dialect


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ("size, cm;weight, kg;y\n1;2;no\n3;4;yes\n", ";"),  # more commas than semicolons
        ("a, in cm,b; raw\n1,2,3\n", ","),
        ("a\n1\n", ","),
        ("a b\n1;2\n", ","),
        ('"a;b",c\n"1;2",3\n', ","),
        ('a;b\n"x\n,y";2\n', ";"),
        ("\n\r\na;b\r\n1;2\r\n", ";"),
        ("a;b\n1;2\n3\n", ";"),  # no delimiter fits all rows
        ("a;b", ";"),
        ("", ","),
        ("a;b;c\n" + '1,5;"x\ny";3\n' * SAMPLE_CHARACTERS, ";"),  # the sample ends in a cell
    ],
)
def test_delimiter(tmp_path: Path, text: str, delimiter: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(text.encode())
    assert complete_dialect(path, "", Dialect()) == Dialect(delimiter, "utf-8")


def test_what_is_known_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes("é;b,c\n".encode("cp1252"))
    known = Dialect("|", "latin-1", ",")
    assert complete_dialect(path, "", known, {"b"}) == known
    assert complete_dialect(path, "", Dialect(), {"c", "b"}).delimiter == ","
