"""OpenAPI media types of tables, under each of their names, and the schemas of their bodies."""

from collections.abc import Callable
from typing import Final

from model.prediction.row_facts import RowFacts
from model.prediction.schema import Schema
from service.codecs.negotiation import CSV, JSON, MULTIPART, NAMES, NDJSON, TSV
from service.codecs.tabular.answer_columns import column_names
from service.openapi.schemas.json_schema import Json, object_of

TEXT: Final[Json] = {"type": "string"}
BINARY: Final[Json] = {"type": "string", "format": "binary"}
_TEXTS: Final = {CSV: "Csv", TSV: "Csv", NDJSON: "Ndjson"}
_FILE: Final = BINARY | {"description": "One file of rows, in one of the other media types."}

AnyOf = Callable[[str], Json]


def table_requests(any_of: AnyOf) -> Json:
    """Return the media types of tables of rows.

    Args:
        any_of: Returns a schema for the name of one of `table_schemas`, of some or all models.
    """
    return _media_types("Rows", any_of) | {MULTIPART: {"schema": object_of({"file": _FILE})}}


def table_responses(any_of: AnyOf) -> Json:
    """Return the media types of tables of predictions.

    Args:
        any_of: Returns a schema for the name of one of `table_schemas`, of some or all models.
    """
    return _media_types("Predictions", any_of)


def table_schemas(schema: Schema, prefix: str = "") -> Json:
    """Return the schemas of the bodies of tables, such as CsvRows and CsvPredictions.

    Args:
        schema: Features and target of the model.
        prefix: Prefix of the names.

    Returns:
        Schemas by name.
    """
    names, columns = ", ".join(schema.names), _columns_of_answer(schema)
    schemas = {
        "CsvRows": TEXT
        | {
            "description": f"A header row with these names in any order: {names}. The delimiters "
            f"are commas, semicolons, tabs or pipes. {_decimal_mark(schema)}A cell that is "
            "empty, `NA`, `NaN`, `null`, `None` or `?` is a missing value. Other columns are "
            "repeated in the answer. With the parameter `header=absent` of the media type, there "
            "is no header row, and the columns are in this order."
        },
        "NdjsonRows": TEXT
        | {
            "description": f"One `{prefix}Instance` or `{prefix}ArrayInstance` a line. Other "
            "fields of an object are repeated in the answer."
        },
        "ArrowRows": BINARY
        | {
            "description": f"A table with the columns {names}. Other columns are repeated in the "
            "answer."
        },
        "CsvPredictions": TEXT | {"description": f"A header row, a line a row. {columns}"},
        "NdjsonPredictions": TEXT | {"description": f"One `{prefix}TableLine` a line."},
        "ArrowPredictions": BINARY | {"description": f"A table with a row for each row. {columns}"},
    }
    return {prefix + name: each for name, each in schemas.items()}


def _decimal_mark(schema: Schema) -> str:
    return "Numbers have a decimal comma. " if schema.decimal == "," else ""


def _columns_of_answer(schema: Schema) -> str:
    """Return the description of the columns of a table of predictions."""
    names = [*column_names(schema.target), *RowFacts(schema).names]
    return (
        f"The columns are {', '.join(names)}, beside those that are repeated. With "
        "`on_error=mark`, `error` is the last column, and the others are empty in an invalid row."
    )


def _media_types(content: str, any_of: AnyOf) -> Json:
    """Return Media Type Objects by name; other names of a type come after all types."""
    types = {name: of for name, of in NAMES.items() if of != JSON}
    return {
        name: {"schema": any_of(_TEXTS.get(of, "Arrow") + content)} for name, of in types.items()
    }
