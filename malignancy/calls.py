"""Calls of the service as data: a request, and how its answer is read. They do no input or output.

`Client` and `AsyncClient` send the same calls.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import quote

from malignancy import readers
from malignancy.answers import (
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
from malignancy.rows import Row, Rows, instance_of, instances_of, plain

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

Threshold = float | str
Time = datetime | date | str

CSV: Final = "text/csv"
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".csv": CSV,
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".arrow": "application/vnd.apache.arrow.file",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".feather": "application/vnd.apache.arrow.file",
    ".parquet": "application/vnd.apache.parquet",
}
_JSON: Final = "application/json"


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: HTTP method.
        path: Path of the route.
        read: Returns the value of an answer.
        params: Query parameters.
        headers: Headers beside those of the client.
        content: Body; None without one.
        statuses: Statuses that `read` takes beside those of success.
    """

    method: str
    path: str
    read: Callable[["httpx.Response"], T]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    statuses: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Place:
    """The model that a client uses.

    Attributes:
        model: Name of the model; None for the default model.
        version: First 12 digits or more of the version; None for the active version.
    """

    model: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.model is None:
            raise ValueError("a version needs the name of its model")

    def path(self, route: str) -> str:
        """Return the path of a route of the model, such as /models/NAME/predict.

        Args:
            route: The route, such as "predict".
        """
        if self.model is None:
            return f"/{route}"
        version = "" if self.version is None else f"/versions/{quote(self.version, safe='')}"
        return f"/models/{quote(self.model, safe='')}{version}/{route}"


def predict_row(
    place: Place, row: Row, threshold: Threshold | None, subject: str | None
) -> Call[Prediction]:
    """Return the call of `/predict` for one row.

    Args:
        place: The model.
        row: The row.
        threshold: Decision threshold, or name of an operating point.
        subject: Person or case that the row is about.
    """
    return _post(
        place.path("predict"),
        instance_of(row),
        readers.prediction,
        threshold=threshold,
        subject=subject,
    )


def predict_rows(
    place: Place, rows: Rows, threshold: Threshold | None, subject: str | None
) -> Call[Predictions]:
    """Return the call of `/predict` for many rows.

    Args:
        place: The model.
        rows: The rows.
        threshold: Decision threshold, or name of an operating point.
        subject: Person or case that the rows are about.
    """
    return _post(
        place.path("predict"),
        {"instances": instances_of(rows)},
        readers.predictions,
        threshold=threshold,
        subject=subject,
    )


def predict_table(
    place: Place,
    table: bytes | Path,
    media_type: str | None,
    accept: str | None,
    threshold: Threshold | None,
    on_error: str | None,
    subject: str | None,
) -> Call[TableAnswer]:
    """Return the call of `/predict` for a table.

    Args:
        place: The model.
        table: Content of the table, or the path of its file.
        media_type: Media type of the content; by default that of the file's extension, else CSV.
        accept: Media type of the answer; by default that of the content.
        threshold: Decision threshold, or name of an operating point.
        on_error: "refuse" or "mark".
        subject: Person or case that the rows are about.

    Raises:
        ValueError: The extension of the file is unknown, and no media type is given.
    """
    content = table
    if isinstance(content, Path):
        if media_type is None and content.suffix.lower() not in MEDIA_TYPES:
            known = ", ".join(MEDIA_TYPES)
            raise ValueError(f"pass media_type for {content.name}, or use one of {known}")
        media_type = media_type or MEDIA_TYPES[content.suffix.lower()]
        content = content.read_bytes()
    headers = {"Content-Type": media_type or CSV}
    if accept is not None:
        headers["Accept"] = accept
    params = _params(threshold=threshold, on_error=on_error, subject=subject)
    return Call("POST", place.path("predict"), readers.table, params, headers, content)


def explain(
    place: Place,
    rows: Row | Rows,
    include: Iterable[str] | None,
    reference: str | None,
    threshold: Threshold | None,
) -> Call[Explanations]:
    """Return the call of `/explain`.

    Args:
        place: The model.
        rows: One row or many.
        include: Kinds of explanations.
        reference: Name of the reference rows.
        threshold: Decision threshold, or name of an operating point.
    """
    instances = [instance_of(rows)] if isinstance(rows, Mapping) else instances_of(rows)
    return _post(
        place.path("explain"),
        {"instances": instances},
        readers.explanations,
        include=None if include is None else ",".join(include),
        reference=reference,
        threshold=threshold,
    )


def feedback(prediction: str, truth: Any) -> Call[Recorded]:
    """Return the call of `/feedback` for one prediction.

    Args:
        prediction: Id of the prediction.
        truth: Its truth.
    """
    return _post("/feedback", {"id": prediction, "truth": _truth(truth)}, readers.recorded)


def feedback_rows(
    truths: Mapping[str, Any] | Iterable[tuple[str, Any]],
) -> Call[RecordedRows]:
    """Return the call of `/feedback` for many predictions.

    Args:
        truths: Truths by the id of the prediction.
    """
    pairs = truths.items() if isinstance(truths, Mapping) else truths
    rows = [{"id": name, "truth": _truth(truth)} for name, truth in pairs]
    return _post("/feedback", {"feedback": rows}, readers.recorded_rows)


def live(
    model: str,
    start: Time | None,
    end: Time | None,
    by: str | None,
    threshold: Threshold | None,
    weighting: str | None,
) -> Call[Live]:
    """Return the call of `/models/{name}/live`.

    Args:
        model: Name of the model.
        start: Beginning of the window.
        end: End of the window.
        by: Length of a period.
        threshold: Decision threshold, or name of an operating point.
        weighting: "none" or "coverage".
    """
    params = _params(**{"from": start, "to": end}, by=by, threshold=threshold, weighting=weighting)
    return Call("GET", Place(model).path("live"), readers.live, params)


def model(name: str | None) -> Call[Model]:
    """Return the call of `/model` or `/models/{name}`.

    Args:
        name: Name of the model; None for the default model.
    """
    path = "/model" if name is None else f"/models/{quote(name, safe='')}"
    return Call("GET", path, readers.model)


def metrics(name: str | None, threshold: Threshold | None) -> Call[dict[str, Any]]:
    """Return the call of `/metrics` in JSON.

    Args:
        name: Name of the model; None for the default model.
        threshold: Decision threshold, or name of an operating point.
    """
    path, params = Place(name).path("metrics"), _params(threshold=threshold)
    return Call("GET", path, readers.json_object, params, {"Accept": _JSON})


def health() -> Call[Health]:
    """Return the call of `/health/ready`, whose status 503 is an answer, too."""
    return Call("GET", "/health/ready", readers.health, statuses=frozenset({503}))


def openapi() -> Call[dict[str, Any]]:
    """Return the call of `/openapi.json`."""
    return Call("GET", "/openapi.json", readers.json_object)


def _post(
    path: str,
    body: Any,
    read: Callable[["httpx.Response"], T],
    **params: Threshold | None,
) -> Call[T]:
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return Call("POST", path, read, _params(**params), {"Content-Type": _JSON}, content)


def _params(**params: Any) -> dict[str, str]:
    """Return query parameters without those that are None."""
    return {
        name: value.isoformat() if isinstance(value, date) else str(value)
        for name, value in params.items()
        if value is not None
    }


def _truth(truth: Any) -> Any:
    """Return a truth as JSON: a label, a boolean, a number, a list of labels, or an object."""
    if isinstance(truth, Mapping):
        return {str(name): plain(value) for name, value in truth.items()}
    if isinstance(truth, list | tuple | set | frozenset):
        return [plain(each) for each in truth]
    return plain(truth)
