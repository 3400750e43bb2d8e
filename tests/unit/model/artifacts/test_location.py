"""Tests of model.artifacts.location: paths and URIs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifacts.location import name_of, parse_location, split_uri
from model.errors import ObjectStoreError


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("a/b.joblib", Path("a/b.joblib")),
        ("", Path()),
        ("file:///a%20b/c", Path("/a b/c")),
        ("s3://bucket/folder/", "s3://bucket/folder"),
        ("S3://bucket/a%20b", "S3://bucket/a%20b"),
    ],
)
def test_a_text_is_a_path_or_a_uri(text: str, location: object) -> None:
    assert parse_location(text) == location


@pytest.mark.parametrize("text", ["http://host/x", "s3://", "s3://a:b@c/d", "file://host/x"])
def test_a_wrong_uri_is_refused(text: str) -> None:
    with pytest.raises(ObjectStoreError):
        parse_location(text)


@given(st.text())
def test_any_text_is_a_location_or_refused(text: str) -> None:
    try:
        location = parse_location(text)
    except ObjectStoreError:
        assert "://" in text
    else:
        assert location == Path(text) or "://" in text


def test_a_uri_names_a_folder_or_an_artifact() -> None:
    assert split_uri("s3://bucket/folder") == ("s3://bucket/folder", None)
    assert split_uri("s3://bucket/folder/a.joblib") == ("s3://bucket/folder", "a.joblib")
    assert split_uri("s3://bucket/a.joblib") == ("s3://bucket", "a.joblib")
    with pytest.raises(ObjectStoreError, match="must name a bucket"):
        split_uri("s3://a.joblib")


def test_the_name_of_a_location() -> None:
    assert name_of(Path("a/b")) == name_of("s3://a/b") == "b"
