"""Names in any Unicode normalization are one name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.prediction.names import MAX_CHARACTERS, KnownNames, columns_are, nfc
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass

NFD = unicodedata.normalize("NFD", "Größe")


@given(st.text(max_size=MAX_CHARACTERS))
def test_every_form_of_a_name_is_one_name(name: str) -> None:
    assert nfc(unicodedata.normalize("NFD", name)) == nfc(name)
    assert nfc(nfc(name)) == nfc(name)


@given(st.lists(st.text(min_size=1, max_size=MAX_CHARACTERS), min_size=1))
def test_a_known_name_is_found_in_every_form(names: list[str]) -> None:
    known = KnownNames(map(nfc, names))
    for name in names:
        for text in (name, nfc(name), unicodedata.normalize("NFD", name)):
            assert known.find(text) == nfc(name)


@pytest.mark.parametrize("text", ["Grösse", "große", NFD + " ", "", "Größe\u0301"])
def test_another_text_is_returned_as_it_is(text: str) -> None:
    assert KnownNames(["Größe", "b"]).find(text) == text


def test_a_text_that_is_longer_than_all_names_is_not_normalized() -> None:
    marks = "a" + "\u0301\u0316" * 100_000  # minutes, if it was
    assert KnownNames(["Größe", "x" * 1000]).find(marks) is marks


def test_a_schema_has_names_in_nfc() -> None:
    feature = Feature(name=NFD, type="category", categories=(NFD, "b"))
    assert (feature.name, feature.categories) == ("Größe", ("Größe", "b"))
    assert Binary(negative=NFD, positive="b").negative == "Größe"


def test_names_that_differ_by_normalization_only_are_rejected() -> None:
    features = (Feature(name="Größe"), Feature(name=NFD))
    with pytest.raises(ValidationError, match="feature 'Größe' is listed twice"):
        Schema(features=features, target=Binary(negative="no", positive="yes"))
    with pytest.raises(ValidationError, match="without duplicates"):
        Feature(name="x", type="category", categories=("Größe", NFD))
    with pytest.raises(ValidationError, match="class 'Größe' is listed twice"):
        MultiClass(classes=("Größe", NFD))


def test_an_error_lists_twenty_columns_in_one_line() -> None:
    assert columns_are(["a", "b\r\nc"]) == "the columns are a, b c"
    text = columns_are(map(str, range(2000)))
    assert text.startswith("the columns are 0, 1, 2, ")
    assert text.endswith(", 19 and 1980 more")
