"""Tables as bodies and answers: CSV, NDJSON and Arrow, parsed and written block by block."""

__all__ = [
    "answer_columns",
    "arrow_batches",
    "arrow_extra",
    "arrow_file",
    "arrow_framing",
    "arrow_predictions",
    "arrow_reader",
    "arrow_writer",
    "csv_reader",
    "csv_writer",
    "ndjson",
    "parquet_reader",
    "upload",
]
