"""OpenAPI media types of tables: CSV, tab-separated values, NDJSON and Arrow."""

from model.prediction.schema import Schema
from model.prediction.target import Target
from service.codecs.negotiation import ARROW, CSV, MULTIPART, NDJSON, TSV
from service.codecs.tabular.answer_columns import column_names
from service.openapi.json_schema import Json

TEXT: Json = {"type": "string"}
BINARY: Json = {"type": "string", "format": "binary"}


def table_requests(schema: Schema) -> Json:
    """Return the media types of tables of rows."""
    names = ", ".join(schema.names)
    csv = (
        f"A header row with these names in any order: {names}. A cell that is empty, `NA`, `NaN`, "
        "`null`, `None` or `?` is a missing value."
    )
    file = BINARY | {"description": "One file of rows, in one of the other media types."}
    return {
        CSV: {
            "schema": TEXT | {"description": f"{csv} Delimiters are commas, semicolons or tabs."}
        },
        TSV: {"schema": TEXT | {"description": f"{csv} Delimiters are tabs."}},
        NDJSON: {"schema": TEXT | {"description": "One JSON object or array a line."}},
        ARROW: {"schema": BINARY | {"description": f"Record batches with the columns {names}."}},
        MULTIPART: {
            "schema": {"type": "object", "properties": {"file": file}, "required": ["file"]}
        },
    }


def table_responses(target: Target) -> Json:
    """Return the media types of tables of predictions."""
    columns = ", ".join(column_names(target))
    ndjson = "One JSON object a line, as in `predictions` of the JSON answer."
    return {
        CSV: {"schema": TEXT | {"description": f"The columns {columns}."}},
        TSV: {"schema": TEXT | {"description": f"The columns {columns}."}},
        NDJSON: {"schema": TEXT | {"description": ndjson}},
        ARROW: {"schema": BINARY | {"description": f"Record batches with the columns {columns}."}},
    }
