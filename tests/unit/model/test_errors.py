"""Tests of model.errors: texts of limited length that keep their beginning and their end."""

import pickle

import pytest

from model.errors import (
    MAX_TEXT_CHARACTERS,
    ArtifactError,
    DataError,
    MalignancyError,
    NetworkError,
    RecipeError,
    SigningError,
    TrainingError,
    bounded,
)

KINDS = (ArtifactError, DataError, NetworkError, RecipeError, SigningError, TrainingError)


@pytest.mark.parametrize("limit", [9, 10])
def test_a_long_text_loses_its_middle(limit: int) -> None:
    for text in ("", "a", "a" * limit):
        assert bounded(text, limit) == text
    text = bounded("abcd" + "x" * 10**6 + "efghi", limit)
    assert len(text) == limit
    assert text == {9: "abcd…fghi", 10: "abcd…efghi"}[limit]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_have_short_texts(kind: type[MalignancyError]) -> None:
    error = kind(f"a.joblib: {'x' * 10**6} is not a name")
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert len(str(each)) == MAX_TEXT_CHARACTERS
        assert str(each).startswith("a.joblib: xx")
        assert str(each).endswith("xx is not a name")
    assert str(kind("short")) == "short"
