"""Readers of answers: from the body and headers of a response to typed values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from malignancy.answers import (
    Drift,
    Explanation,
    Explanations,
    Health,
    Live,
    Model,
    Prediction,
    Predictions,
    Recorded,
    RecordedRows,
    TableAnswer,
)
from malignancy.errors import FieldError

if TYPE_CHECKING:
    import httpx


def json_object(response: "httpx.Response") -> dict[str, Any]:
    """Return the JSON object of a body.

    Raises:
        ValueError: The body is not JSON, or not an object.
    """
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError("the body is not a JSON object")
    return found


def prediction(response: "httpx.Response") -> Prediction:
    """Return the prediction of one row."""
    fields = json_object(response)
    if "model" not in fields:
        raise ValueError("the body has no field model")
    return Prediction(fields, fields.get("id"))


def predictions(response: "httpx.Response") -> Predictions:
    """Return the predictions of many rows."""
    fields = json_object(response)
    answer_id = fields.get("id")
    return Predictions(
        [
            Prediction(row, None if answer_id is None else f"{answer_id}.{number}")
            for number, row in enumerate(fields["predictions"])
        ],
        fields["model"],
        fields.get("threshold"),
        answer_id,
        _request_id(response),
    )


def table(response: "httpx.Response") -> TableAnswer:
    """Return the answer to a table.

    Raises:
        ValueError: It is a page.
    """
    headers = response.headers
    threshold = headers.get("Malignancy-Threshold")
    media_type = headers.get("Content-Type", "").partition(";")[0].strip()
    if media_type == "text/html":
        raise ValueError("the body is a page")
    return TableAnswer(
        response.content,
        media_type,
        headers.get("Malignancy-Model"),
        None if threshold is None else float(threshold),
        headers.get("Malignancy-Id"),
        _request_id(response),
    )


def explanations(response: "httpx.Response") -> Explanations:
    """Return the explanations of rows."""
    fields = json_object(response)
    return Explanations(
        [Explanation(row) for row in fields["explanations"]],
        fields["model"],
        fields.get("threshold"),
        fields["reference"],
        fields.get("partial_dependence"),
        _request_id(response),
    )


def recorded(response: "httpx.Response") -> Recorded:
    """Return the outcome of one truth."""
    fields = json_object(response)
    return Recorded(fields["id"], fields["outcome"])


def recorded_rows(response: "httpx.Response") -> RecordedRows:
    """Return the outcome of many truths."""
    fields = json_object(response)
    counts = {
        name: int(fields[name])
        for name in ("rows", "recorded", "superseded", "unchanged", "rejected")
    }
    errors = [FieldError(each["field"], each["rule"]) for each in fields["errors"]]
    return RecordedRows(**counts, errors=errors)


def live(response: "httpx.Response") -> Live:
    """Return live figures."""
    fields = json_object(response)
    return Live(
        fields["model"],
        fields["from"],
        fields["to"],
        fields["rows"],
        fields["labels"],
        [_drift(each) for each in fields["features"]],
        [_drift(each) for each in fields["predictions"]],
        fields["truth"],
        fields["expected"],
        fields,
    )


def model(response: "httpx.Response") -> Model:
    """Return the description of a model."""
    fields = json_object(response)
    return Model(
        fields["name"],
        fields["version"],
        fields["title"],
        fields["schema"]["features"],
        fields["schema"]["target"],
        fields.get("threshold"),
        fields["operating_points"],
        fields,
    )


def health(response: "httpx.Response") -> Health:
    """Return the readiness of the service, of an answer with status 200 or 503."""
    is_ready = response.status_code == 200
    try:
        fields = json_object(response)
    except ValueError:
        if is_ready:
            raise
        fields = {}  # of a proxy
    return Health(
        is_ready,
        "" if is_ready else str(fields.get("detail") or response.reason_phrase),
        fields["model"] if is_ready else None,
        fields["models"] if is_ready else [],
        fields.get("failures", {}),
        fields,
    )


def _drift(fields: Mapping[str, Any]) -> Drift:
    return Drift(
        fields["name"],
        fields["rows"],
        fields["psi"],
        fields["excess_psi"],
        fields["q"],
        fields["drifted"],
        fields,
    )


def _request_id(response: "httpx.Response") -> str | None:
    found: str | None = response.headers.get("X-Request-ID")
    return found
