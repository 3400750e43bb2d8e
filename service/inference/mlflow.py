"""Predict a JSON body in one of MLflow's formats, with rows or columns."""

from typing import Any

from pydantic_core import from_json, to_json

from service.codecs.byte_order_mark import without_mark
from service.codecs.charge import Charge, uncharged
from service.codecs.json.names import (
    COMPANIONS,
    INSTANCES,
    count_pairs,
    wrong_names,
)
from service.inference.answer import Answer
from service.inference.instances import predict_json
from service.problems import FieldError, Problem, safe_name
from service.registry.model_version import ModelVersion

SPLIT, RECORDS, INPUTS = "dataframe_split", "dataframe_records", "inputs"
FORMATS = (SPLIT, RECORDS, INSTANCES, INPUTS)

# Memory in bytes.
OBJECT_BYTES, ENTRY_BYTES = 120, 56  # of an object, and of each of its names
COPIES = 3  # of a text while it is written


def predict_mlflow(
    model_version: ModelVersion, body: bytes, threshold: float, charge: Charge = uncharged
) -> Answer:
    """Predict a body in one of MLflow's formats, or a single row as an object.

    Args:
        model_version: The model that predicts.
        body: The request body, JSON text.
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        charge: Called with the memory of fields, rows and answer.

    Returns:
        The answer.

    Raises:
        Problem: The body is malformed (400) or breaks a rule of the format or schema (422).
    """
    body = without_mark(body)
    parsed = model_version.frame_limits.require(body)
    charge(parsed)
    try:
        fields = from_json(body)
    except ValueError:
        raise Problem(400, "The body is malformed: it is not valid JSON.") from None
    if not isinstance(fields, dict):
        raise _invalid("body", "must be an object")
    # A member that is null counts as absent, unless it is the only one.
    features = model_version.predictor.schema.names
    given = [each for each in FORMATS if each in fields and each not in features]
    format_ = next((each for each in given if fields[each] is not None), (*given, None)[0])
    has_nan = b"NaN" in body
    if format_ is None or (format_ == INSTANCES and not has_nan):
        is_other = format_ is None and fields.keys().isdisjoint(features)
        del fields
        charge(-parsed)
        try:
            return predict_json(model_version, body, threshold, charge)
        except Problem:
            if is_other:
                raise _invalid("body", f"must have one of {', '.join(FORMATS)}") from None
            raise
    for name, value in fields.items():
        if name != format_ and name not in COMPANIONS and value is not None:
            raise _invalid(safe_name(name), f"cannot stand beside {format_}")
    place, rows = _row_of, fields[format_]
    text_bytes = len(body)
    names: list[str] | None = None
    if format_ == SPLIT:
        names, rows, place = _names_of_split(rows), rows["data"], _row_of_split
    elif format_ == INPUTS and isinstance(rows, dict):
        charge(parsed)
        names, rows, place = list(rows), _rows_of_columns(rows), _value_of_column
    if names is not None:
        charge(len(rows) * (OBJECT_BYTES + ENTRY_BYTES * len(names)))
        text_bytes += len(rows) * sum(len(to_json(name)) + 2 for name in names)
        rows = _with_names(names, rows)
    if has_nan and isinstance(rows, list):
        charge(parsed)
        rows = [_without_nan(row) for row in rows]
    charge(COPIES * text_bytes)
    # Infinity stays as it is, and the parser rejects it.
    companions = {name: fields[name] for name in COMPANIONS if name in fields}
    instances = to_json({INSTANCES: rows, **companions}, inf_nan_mode="constants")
    try:
        answer = predict_json(model_version, instances, threshold, charge)
    except Problem as problem:
        for error in problem.errors:
            if error["field"].startswith(INSTANCES):
                error["field"] = place(format_, error["field"].removeprefix(INSTANCES))
        raise
    for path, rule in wrong_names(body, count_pairs(fields), charge=charge):
        raise _invalid(".".join(safe_name(str(part)) for part in path), rule)
    return answer


def _names_of_split(split: Any) -> list[str]:
    """Return the names of {"columns": […], "data": [[…], …]}, with an optional index.

    Raises:
        Problem: It is no object of this form (422).
    """
    if not isinstance(split, dict) or not {"columns", "data"} <= set(split) <= {
        "columns",
        "data",
        "index",
    }:
        raise _invalid(SPLIT, "must be an object of columns and data, with an optional index")
    names, data = split["columns"], split["data"]
    if not isinstance(split.get("index"), list | None):
        raise _invalid(f"{SPLIT}.index", "must be an array")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _invalid(f"{SPLIT}.columns", "must be an array of names")
    if len(set(names)) < len(names):
        raise _invalid(f"{SPLIT}.columns", "must not give a name twice")
    if not isinstance(data, list):
        raise _invalid(f"{SPLIT}.data", "must be an array of rows")
    return names


def _rows_of_columns(columns: dict[str, Any]) -> list[list[Any]]:
    """Return the rows of columns, whose values may each be in an array.

    Raises:
        Problem: There are none, or they are no arrays of one length (422).
    """
    if not columns:
        raise _invalid(INPUTS, "must be an array of rows, or an object of columns")
    for name, column in columns.items():
        if not isinstance(column, list):
            raise _invalid(f"{INPUTS}.{safe_name(name)}", "must be an array of one value per row")
        if len(column) != len(next(iter(columns.values()))):
            raise _invalid(f"{INPUTS}.{safe_name(name)}", "must be as long as the first array")
    return [list(map(_only_value, row)) for row in zip(*columns.values(), strict=True)]


def _only_value(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _row_of(format_: str, place: str) -> str:
    return format_ + place


def _row_of_split(format_: str, place: str) -> str:
    return f"{format_}.data{place}"


def _value_of_column(format_: str, place: str) -> str:
    """Return the path of a value in a column, from `.row.name`."""
    match place.split(".", 2):
        case ["", row, name]:
            return f"{format_}.{name}.{row}"
    return format_


def _with_names(names: list[str], data: list[Any]) -> list[dict[str, Any]]:
    """Return the rows of data as objects. Raises Problem (422)."""
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
