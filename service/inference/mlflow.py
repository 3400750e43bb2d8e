"""Predict a JSON body in one of MLflow's formats."""

from typing import Any

from pydantic_core import from_json, to_json

from service.codecs.json.names import INSTANCES, count_pairs, safe_name, wrong_names
from service.inference.answer import Answer
from service.inference.instances import predict_json
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion

SPLIT, RECORDS, INPUTS = "dataframe_split", "dataframe_records", "inputs"
FORMATS = (SPLIT, RECORDS, INSTANCES, INPUTS)


def predict_mlflow(model_version: ModelVersion, body: bytes, threshold: float) -> Answer:
    """Predict a body in one of MLflow's formats.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.

    Returns:
        The answer.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the format or schema (422).
    """
    model_version.frame_limits.require(body)
    try:
        fields = from_json(body)
    except ValueError:
        raise Problem(400, "The body is malformed: it is not valid JSON.") from None
    if not isinstance(fields, dict):
        raise _invalid("body", "must be an object")
    format_ = next((each for each in FORMATS if each in fields), None)
    if format_ is None:
        raise _invalid("body", f"must have one of {', '.join(FORMATS)}")
    has_nan = b"NaN" in body
    if format_ == INSTANCES and not has_nan:
        return predict_json(model_version, body, threshold)
    others = [name for name in fields if name != format_]
    if others:
        raise _invalid(safe_name(others[0]), f"cannot stand beside {format_}")
    place, rows = format_, fields[format_]
    if format_ == SPLIT:
        place, rows = f"{SPLIT}.data", _rows_of_split(rows)
    if has_nan and isinstance(rows, list):
        rows = [_without_nan(row) for row in rows]
    # Infinity stays as it is, and the parser rejects it.
    instances = to_json({INSTANCES: rows}, inf_nan_mode="constants")
    try:
        answer = predict_json(model_version, instances, threshold)
    except Problem as problem:
        for error in problem.errors:
            if error["field"].startswith(INSTANCES):
                error["field"] = place + error["field"].removeprefix(INSTANCES)
        raise
    for path, rule in wrong_names(body, count_pairs(fields)):
        raise _invalid(".".join(safe_name(str(part)) for part in path), rule)
    return answer


def _rows_of_split(split: Any) -> list[dict[str, Any]]:
    """Return the rows of {"columns": […], "data": [[…], …]} as objects, without the index."""
    if not isinstance(split, dict) or not {"columns", "data"} <= set(split) <= {
        "columns",
        "data",
        "index",
    }:
        raise _invalid(SPLIT, "must be an object of columns and data, with an optional index")
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
    """Return a row with null for NaN, which MLflow's client writes for missing values."""
    if isinstance(row, dict):
        return {name: None if value != value else value for name, value in row.items()}
    if isinstance(row, list):
        return [None if value != value else value for value in row]
    return row


def _invalid(field: str, rule: str) -> Problem:
    return Problem.invalid([FieldError(field=field, rule=rule)])
