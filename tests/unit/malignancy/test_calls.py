"""Calls have the paths, parameters and bodies that the routes take."""

import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import numpy as np
import pytest

from malignancy import Client, Explanation, Prediction, Retries, ServiceError, UnexpectedAnswer
from malignancy.calls import Place, feedback, live, predict_rows, predict_table


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Place(), "/predict"),
        (Place("iris"), "/models/iris/predict"),
        (Place("a/b ü"), "/models/a%2Fb%20%C3%BC/predict"),
        (Place("iris", "0123456789ab"), "/models/iris/versions/0123456789ab/predict"),
    ],
)
def test_the_model_is_part_of_the_path(place: Place, path: str) -> None:
    assert place.path("predict") == path


@pytest.mark.parametrize(
    ("truth", "content"),
    [
        ("malignant", '"malignant"'),
        (np.bool_(True), "true"),
        (np.float32(1.5), "1.5"),
        (["fever", "cough"], '["fever", "cough"]'),
        ((), "[]"),
        ({"days": np.int64(3)}, '{"days": 3}'),
    ],
)
def test_a_truth_is_json(truth: Any, content: str) -> None:
    sent = feedback("ID", truth).content
    assert sent is not None
    assert json.loads(sent) == {"id": "ID", "truth": json.loads(content)}


def test_parameters_are_those_that_are_given() -> None:
    assert predict_rows(Place(), [[1]], None, None).params == {}
    assert predict_rows(Place(), [[1]], 0.7, "patient-17").params == {
        "threshold": "0.7",
        "subject": "patient-17",
    }
    start, end = date(2026, 3, 1), datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert live("iris", start, end, "day", None, "coverage").params == {
        "from": "2026-03-01",
        "to": "2026-03-02T12:00:00+00:00",
        "by": "day",
        "weighting": "coverage",
    }


def test_a_table_of_bytes_is_csv_by_default() -> None:
    call = predict_table(Place(), b"a\n1\n", None, None, None, None, None)
    assert (call.headers, call.content) == ({"Content-Type": "text/csv"}, b"a\n1\n")


def test_infinity_is_rejected_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        predict_rows(Place(), [[float("inf")]], None, None)


def test_properties_of_predictions_are_those_of_the_answer() -> None:
    one = Prediction({"label": "a", "decision": "refer", "clipped": ["x"], "unknown": ["y"]})
    assert (one.decision, one.clipped, one.unknown, one.imputed) == ("refer", ["x"], ["y"], [])
    found = {"method": "beam", "found": []}
    assert Explanation({"counterfactuals": found}).counterfactuals == found


def test_a_list_is_no_answer_of_the_service() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=[]))
    with Client(transport=transport) as client, pytest.raises(UnexpectedAnswer, match="not a JSON"):
        client.model()


def test_a_status_without_a_name_is_an_exception() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(599))
    client = Client(transport=transport, retries=Retries(attempts=1))
    with client, pytest.raises(ServiceError, match="599 Unknown Status"):
        client.model()
