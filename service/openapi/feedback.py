"""OpenAPI operations of ground truth and of erasure."""

import csv
import io
from typing import Any, Final

from pydantic_core import to_json

from service.codecs.feedback import MAX_FEEDBACK_ROWS
from service.codecs.negotiation import CSV, JSON, NDJSON, TSV
from service.openapi.examples import TABLE, PredictionExamples
from service.openapi.problem_responses import problem_responses
from service.openapi.schemas.json_schema import CLOSED, Json, array_of, object_of, reference
from service.openapi.schemas.reads import COUNT
from service.openapi.tags import FEEDBACK

EXAMPLE_ID: Final = "019ad7a4-6e10-7c3a-9d42-5b8f0e6a1c27"
ID_SCHEMA: Final[Json] = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    "(\\.(0|[1-9][0-9]{0,8}))?$",
    "description": "Id of an answer, or `ID.N` for row N of it, counted from 0.",
}
_FEEDBACK = f"""\
The true target of predictions, by the `id` of their answers: a label, true or false for a binary
target, a list of labels, or a number. At most {MAX_FEEDBACK_ROWS} rows.

The same truth again changes nothing, and another one supersedes it. Of many rows, those that are
invalid, unknown or expired are listed in `errors`; the others are recorded."""
_STORE = "Without a store, the answer is 404."
_OUTCOMES: Final = ("recorded", "superseded", "unchanged")
_ERASED: Final = {"predictions": 1, "inputs": 1, "feedback": 0}


def feedback_paths(examples: PredictionExamples) -> Json:
    """Return the paths of ground truth and of erasure.

    Args:
        examples: Examples for the default model.
    """
    name = ID_SCHEMA | {"example": EXAMPLE_ID}
    subject = {"type": "string", "minLength": 1, "maxLength": 200, "example": "patient-17"}
    return {
        "/feedback": {"post": _feedback(examples)},
        "/predictions/{id}": {
            "delete": _deletion(
                "erase_prediction",
                "Erase an answer or a row of it",
                "Erases predictions, inputs and truth of an answer, or of one row of it.",
                _parameter("id", "Id of the answer, or `ID.N` for one row of it.", name),
            )
        },
        "/subjects/{subject}": {
            "delete": _deletion(
                "erase_subject",
                "Erase the answers of a subject",
                "Erases predictions, inputs and truth of all answers of a subject.",
                _parameter("subject", "The subject, as in the parameter `subject`.", subject),
            )
        },
    }


def feedback_schemas() -> Json:
    """Return the schemas Truth, Truths, TruthRecorded, TruthsRecorded and Erased by name."""
    truth = object_of({"id": ID_SCHEMA, "truth": {}}) | CLOSED
    truths = array_of(reference("Truth")) | {"maxItems": MAX_FEEDBACK_ROWS}
    outcome = {"type": "string", "enum": list(_OUTCOMES)}
    counts = {"rows": COUNT, **dict.fromkeys(_OUTCOMES, COUNT), "rejected": COUNT}
    return {
        "Truth": truth,
        "Truths": {"anyOf": [truths, object_of({"feedback": truths}) | CLOSED]},
        "TruthRecorded": object_of({"id": ID_SCHEMA, "outcome": outcome}),
        "TruthsRecorded": object_of(counts | {"errors": array_of(reference("FieldError"))}),
        "Erased": object_of(dict.fromkeys(_ERASED, COUNT)),
    }


def _feedback(examples: PredictionExamples) -> Json:
    truth = examples.truth()
    one = {"id": EXAMPLE_ID, "truth": truth}
    many = {"feedback": [{"id": f"{EXAMPLE_ID}.{row}", "truth": truth} for row in range(2)]}
    text: Json = {"type": "string"}
    table = text | {"description": "A header row with the columns id and truth."}
    lines = text | {"description": "One `Truth` a line."}
    body = {
        JSON: {
            "schema": {"anyOf": [reference("Truth"), reference("Truths")]},
            "examples": {
                "one": {"summary": "One truth", "value": one},
                "many": {"summary": "Many truths", "value": many},
            },
        },
        CSV: {"schema": table, "examples": _table(_cells(truth, ","))},
        TSV: {"schema": table, "examples": _table(_cells(truth, "\t"))},
        NDJSON: {"schema": lines, "examples": _table(f"{to_json(one).decode()}\n")},
    }
    counts = {"rows": 2, "recorded": 2, "superseded": 0, "unchanged": 0, "rejected": 0}
    answer = {
        "schema": {"anyOf": [reference("TruthRecorded"), reference("TruthsRecorded")]},
        "examples": {
            "one": {"summary": "One truth", "value": {"id": EXAMPLE_ID, "outcome": "recorded"}},
            "many": {"summary": "Many truths", "value": {**counts, "errors": []}},
            **_table({**counts, "rows": 1, "recorded": 1, "errors": []}),
        },
    }
    return {
        "summary": "Record the truth of predictions",
        "description": f"{_FEEDBACK} {_STORE}",
        "operationId": "feedback",
        "tags": [FEEDBACK],
        "parameters": [],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "OK", "content": {JSON: answer}},
            **problem_responses(400, 404, 406, 410, 413, 415, 422, 503),
        },
    }


def _table(value: Any) -> Json:
    return {TABLE: {"summary": "Table", "value": value}}


def _cells(truth: Any, delimiter: str) -> str:
    """Return a table with one truth; what is no text is in JSON, as cells may be."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(("id", "truth"))
    writer.writerow((EXAMPLE_ID, truth if isinstance(truth, str) else to_json(truth).decode()))
    return text.getvalue()


def _deletion(operation_id: str, summary: str, description: str, parameter: Json) -> Json:
    return {
        "summary": summary,
        "description": f"{description} The answer has the numbers of erased rows; counts by hour "
        f"have no names and stay. {_STORE}",
        "operationId": operation_id,
        "tags": [FEEDBACK],
        "parameters": [parameter],
        "responses": {
            "200": {
                "description": "OK",
                "content": {JSON: {"schema": reference("Erased"), "example": _ERASED}},
            },
            **problem_responses(404, 422, 503),
        },
    }


def _parameter(name: str, description: str, schema: Any) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {key: value for key, value in schema.items() if key not in ("example",)},
        "example": schema["example"],
    }
