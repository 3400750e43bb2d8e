"""MLflow's forms of a JSON body to a JSON answer."""

from typing import Any

from pydantic_core import from_json, to_json

from service.codecs.json.errors import safe_name
from service.codecs.json.limits import has_duplicate_names
from service.inference.instances import predict_json
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion

SPLIT, RECORDS, INPUTS, INSTANCES = "dataframe_split", "dataframe_records", "inputs", "instances"


FORMATS = (SPLIT, RECORDS, INSTANCES, INPUTS)


def predict_mlflow(model_version: ModelVersion, body: bytes, threshold: float) -> bytes:
    """The JSON answer to a body in one of MLflow's forms. Raises Problem (400, 422)."""
    model_version.frame_limits.require(body)
    try:
        fields = from_json(body)
    except ValueError:
        raise Problem(400, "The body is malformed. It is no JSON.") from None
    if not isinstance(fields, dict):
        raise _invalid("body", "must be an object")
    form = next((each for each in FORMATS if each in fields), None)
    if form is None:
        raise _invalid("body", f"must have one of {', '.join(FORMATS)}")
    has_nan = b"NaN" in body
    if form == INSTANCES and not has_nan:
        return predict_json(model_version, body, threshold)
    others = [name for name in fields if name != form]
    if others:
        raise _invalid(safe_name(others[0]), f"cannot stand beside {form}")
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
        answered = predict_json(model_version, instances, threshold)
    except Problem as problem:
        for error in problem.errors:
            if error["field"].startswith(INSTANCES):
                error["field"] = place + error["field"].removeprefix(INSTANCES)
        raise
    # Of a name that is given twice only the last is left. No valid text has a colon but those of
    # an index, which may be times.
    twice = body.count(b":") > (colons or instances.count(b":")) and has_duplicate_names(body)
    if twice:
        raise _invalid("body", "must not give a name twice")
    return answered


def _rows_of_split(split: Any) -> list[dict[str, Any]]:
    """The rows of {"columns": […], "data": [[…], …]} as objects; an index is passed over."""
    if not isinstance(split, dict) or not {"columns", "data"} <= set(split) <= {
        "columns",
        "data",
        "index",
    }:
        raise _invalid(SPLIT, "must be an object of columns and data, and perhaps an index")
    names, data = split["columns"], split["data"]
    if not isinstance(split.get("index", []), list):
        raise _invalid(f"{SPLIT}.index", "must be an array")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _invalid(f"{SPLIT}.columns", "must be an array of names")
    if len(set(names)) < len(names):
        raise _invalid(f"{SPLIT}.columns", "must not give a name twice")
    if not isinstance(data, list):
        raise _invalid(f"{SPLIT}.data", "must be an array of rows")
    for place, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            rule = f"must be an array of {len(names)} values"
            raise _invalid(f"{SPLIT}.data.{place}", rule)
    return [dict(zip(names, row, strict=True)) for row in data]


def _without_nan(row: Any) -> Any:
    """A row with null for NaN, as MLflow's client writes what a frame has not."""
    if isinstance(row, dict):
        return {name: None if value != value else value for name, value in row.items()}
    if isinstance(row, list):
        return [None if value != value else value for value in row]
    return row


def _invalid(field: str, rule: str) -> Problem:
    return Problem.invalid([FieldError(field=field, rule=rule)])
