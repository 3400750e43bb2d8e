"""Tables as OpenAPI has them: media types, columns, and what to do with bad rows."""

import csv
import io
from collections.abc import Mapping

from model.prediction.schema import Schema
from model.prediction.target import Target
from service.codecs.negotiation import ARROW, CSV, JSON, NDJSON
from service.codecs.tabular.csv import column_names
from service.openapi.json_schema import Json, object_of, reference
from service.registry.thresholds import ON_ERROR

ON_ERROR_PARAMETER: Json = {
    "name": "on_error",
    "in": "query",
    "required": False,
    "description": "What a bad row of CSV, NDJSON or Arrow does: refuse all, which is the default, "
    "or be marked where it stands, in CSV and Arrow by a further column `error`, in NDJSON by "
    "`errors`. In JSON it refuses all in any case.",
    "schema": {"type": "string", "enum": list(ON_ERROR)},
}
BINARY: Json = {"type": "string", "format": "binary"}


def table_requests(schema: Schema, row: Json) -> Json:
    """The media types of tables, with this row as an example."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerows([schema.names, row.values()])
    names = ", ".join(schema.names)
    return {
        CSV: {
            "schema": {
                "type": "string",
                "description": f"A header row, with these names in any order: {names}. An empty "
                "cell is a missing value.",
            },
            "example": written.getvalue(),
        },
        NDJSON: {
            "schema": {"type": "string", "description": "An object or an array a line."},
        },
        ARROW: {
            "schema": BINARY | {"description": f"Record batches of these columns: {names}."},
        },
    }


def table_answers(target: Target, prediction: Json) -> Json:
    """The media types of what is answered, each row a prediction."""
    columns = ", ".join(column_names(target))
    return {
        CSV: {"schema": {"type": "string", "description": f"The columns {columns}."}},
        NDJSON: {"schema": prediction | {"description": "One a line."}},
        ARROW: {"schema": BINARY | {"description": f"Record batches of the columns {columns}."}},
    }


def invocation(schema: Schema, table: Json, problems: Mapping[int | str, Json]) -> Json:
    """MLflow's dialect: POST /invocations, with JSON or a table."""
    rows: Json = {"type": "array", "minItems": 1}
    kinds = [rows | {"items": reference(name)} for name in ("Instance", "ArrayInstance")]
    instances: Json = {"oneOf": kinds}
    split = object_of(
        {
            "columns": {
                "description": "The names of the features, in the order the data have them.",
                "const": schema.names,
            },
            "data": kinds[1],
            "index": {"type": "array"},
        },
        optional="index",
    ) | {"additionalProperties": False}
    forms = {
        "dataframe_split": split,
        "dataframe_records": rows | {"items": reference("Instance")},
        "instances": instances,
        "inputs": instances,
    }
    only = {"additionalProperties": False}
    one_of = [object_of({name: schema}) | only for name, schema in forms.items()]
    return {
        "summary": "Predict, in MLflow's dialect",
        "description": "For clients of an MLflow scoring server.",
        "operationId": "invocations",
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"oneOf": one_of}}, CSV: table},
        },
        "responses": {
            200: {
                "description": "OK",
                "content": {JSON: {"schema": reference("Answers")}},
            },
            **problems,
        },
    }
