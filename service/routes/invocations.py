"""MLflow's scoring dialect: POST /invocations, GET /ping and /version, of the default model.

A client of an MLflow scoring server may be pointed at this service as it is. The dialect:
https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from typing import Any

from fastapi import APIRouter
from pydantic_core import from_json, to_json
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from service.body import read_body
from service.capacity import Capacity
from service.current_request import current_request
from service.inspection import printable
from service.json_text import name_given_twice
from service.models import Models
from service.negotiation import JSON, negotiate
from service.problems import FieldError, Problem
from service.routes.predict import answer
from service.served import Served
from service.settings import Settings
from service.stop import Stop
from service.tables.answering import answer_table

PATH = "/invocations"
SPLIT, RECORDS, INPUTS, INSTANCES = "dataframe_split", "dataframe_records", "inputs", "instances"
FORMATS = (SPLIT, RECORDS, INSTANCES, INPUTS)


def invocations_routes(models: Models, settings: Settings, capacity: Capacity) -> list[BaseRoute]:
    """The route that predicts."""
    return [Route(PATH, Invocations(models, settings, capacity), methods=["POST"])]


def scoring_server_router(models: Models, version: str, stop: Stop) -> APIRouter:
    """The routes by which MLflow's clients see that a server is there."""
    router = APIRouter()

    @router.get("/ping", response_class=PlainTextResponse)
    async def ping() -> Response:
        """The service answers, with a model, and is not about to stop."""
        stop.require_not_begun()
        return PlainTextResponse(f"{models.default.title}\n")

    @router.get("/version", response_class=PlainTextResponse)
    async def service_version() -> Response:
        """The version of this service."""
        return PlainTextResponse(version)

    return router


class Invocations:
    """JSON in MLflow's forms, or a table as /predict takes it; JSON out."""

    def __init__(self, models: Models, settings: Settings, capacity: Capacity) -> None:
        self.models = models
        self.settings = settings
        self.capacity = capacity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raises Problem (400, 406, 413, 415, 422, 507)."""
        current_request.get().route = PATH
        served = self.models.find()
        exchange = negotiate(scope["headers"], JSON)
        if exchange.body != JSON:
            await answer_table(served, exchange, self.settings, self.capacity, scope, receive, send)
            return
        if exchange.answer != JSON:
            raise Problem(406, f"The answer is {JSON}, which the Accept header excludes.")
        threshold = served.thresholds.from_query(scope["query_string"])
        body = await read_body(scope, receive, self.settings.max_body_bytes, self.capacity)
        if body is not None:
            answered = await self.capacity.run(answer_invocation, served, body, threshold)
            await Response(answered, media_type=JSON)(scope, receive, send)


def answer_invocation(served: Served, body: bytes, threshold: float) -> bytes:
    """The JSON answer to a body in one of MLflow's forms. Raises Problem (400, 422)."""
    served.most_of_frames.require(body)
    try:
        fields = from_json(body)
    except ValueError:
        raise Problem(400, "The body is malformed. It is no JSON.") from None
    if not isinstance(fields, dict):
        raise _refused("body", "must be an object")
    form = next((each for each in FORMATS if each in fields), None)
    if form is None:
        raise _refused("body", f"must have one of {', '.join(FORMATS)}")
    has_nan = b"NaN" in body
    if form == INSTANCES and not has_nan:
        return answer(served, body, threshold)
    others = [name for name in fields if name != form]
    if others:
        raise _refused(printable(others[0]), f"cannot stand beside {form}")
    place, rows, colons = form, fields[form], 0
    if form == SPLIT:
        if isinstance(rows, dict):
            colons = 1 + len(rows)
        place, rows = f"{SPLIT}.data", _rows_of_split(rows)
    if has_nan and isinstance(rows, list):
        rows = [_without_nan(row) for row in rows]
    # Infinity stays what it is, and is refused as such.
    instances = to_json({INSTANCES: rows}, inf_nan_mode="constants")
    try:
        answered = answer(served, instances, threshold)
    except Problem as problem:
        for error in problem.errors:
            if error["field"].startswith(INSTANCES):
                error["field"] = place + error["field"].removeprefix(INSTANCES)
        raise
    # Of a name that is given twice only the last is left. No valid text has a colon but those of
    # an index, which may be times.
    twice = body.count(b":") > (colons or instances.count(b":")) and name_given_twice(body)
    if twice:
        raise _refused("body", "must not give a name twice")
    return answered


def _rows_of_split(split: Any) -> list[dict[str, Any]]:
    """The rows of {"columns": […], "data": [[…], …]} as objects; an index is passed over."""
    if not isinstance(split, dict) or not {"columns", "data"} <= set(split) <= {
        "columns",
        "data",
        "index",
    }:
        raise _refused(SPLIT, "must be an object of columns and data, and perhaps an index")
    names, data = split["columns"], split["data"]
    if not isinstance(split.get("index", []), list):
        raise _refused(f"{SPLIT}.index", "must be an array")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _refused(f"{SPLIT}.columns", "must be an array of names")
    if len(set(names)) < len(names):
        raise _refused(f"{SPLIT}.columns", "must not give a name twice")
    if not isinstance(data, list):
        raise _refused(f"{SPLIT}.data", "must be an array of rows")
    for place, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            rule = f"must be an array of {len(names)} values"
            raise _refused(f"{SPLIT}.data.{place}", rule)
    return [dict(zip(names, row, strict=True)) for row in data]


def _without_nan(row: Any) -> Any:
    """A row with null for NaN, as MLflow's client writes what a frame has not."""
    if isinstance(row, dict):
        return {name: None if value != value else value for name, value in row.items()}
    if isinstance(row, list):
        return [None if value != value else value for value in row]
    return row


def _refused(field: str, rule: str) -> Problem:
    return Problem.invalid([FieldError(field=field, rule=rule)])
