"""Problem documents become exceptions of the kind of their status."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malignancy import (
    ClientError,
    FieldError,
    InvalidRequest,
    NotFound,
    NotPermitted,
    ServiceError,
    Unavailable,
)
from malignancy.errors import service_error


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, NotPermitted),
        (403, NotPermitted),
        (404, NotFound),
        (409, ServiceError),
        (410, NotFound),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (429, Unavailable),
        (500, ServiceError),
        (503, Unavailable),
    ],
)
def test_the_status_gives_the_kind(status: int, kind: type[ServiceError]) -> None:
    error = service_error(status, "Title", None)
    assert type(error) is kind
    assert isinstance(error, ClientError)
    assert str(error) == f"{status} Title"


def test_the_text_has_the_rules_and_the_request() -> None:
    problem = {
        "title": "Unprocessable Content",
        "detail": "The request breaks the rules listed in errors.",
        "instance": "example-1",
        "errors": [{"field": "mitoses", "rule": "must be an integer from 1 to 10"}],
    }
    error = service_error(422, "Other", problem, request_id="other")
    assert error.errors == [FieldError("mitoses", "must be an integer from 1 to 10")]
    assert error.request_id == "example-1"
    assert str(error) == (
        "422 Unprocessable Content: mitoses must be an integer from 1 to 10 (request example-1)"
    )


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(
        st.sampled_from(["title", "detail", "errors", "instance", "field", "rule"]), some
    ),
)  # fmt: skip


@given(st.integers(300, 599), JSON)
def test_any_body_becomes_an_exception(status: int, problem: Any) -> None:
    error = service_error(status, "Title", problem)
    assert error.status == status
    assert str(status) in str(error)
