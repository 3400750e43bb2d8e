"""Names in any Unicode normalization are one name."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.prediction.names import MAX_CHARACTERS, nfc
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass

NFD = unicodedata.normalize("NFD", "Größe")


@given(st.text(max_size=MAX_CHARACTERS))
def test_every_form_of_a_name_is_one_name(name: str) -> None:
    assert nfc(unicodedata.normalize("NFD", name)) == nfc(name)
    assert nfc(nfc(name)) == nfc(name)


def test_a_long_text_costs_nothing() -> None:
    marks = "a" + "\u0301\u0316" * 1_000_000  # seconds for each thousand of them, if normalized
    start = time.process_time()
    assert nfc(marks) == marks
    assert time.process_time() - start < 0.1


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
