"""Tables as bodies and answers: CSV, NDJSON and Arrow, parsed and written block by block."""

__all__ = [
    "answer_columns",
    "arrow_file",
    "arrow_framing",
    "arrow_reader",
    "arrow_writer",
    "csv_reader",
    "csv_writer",
    "ndjson",
    "parquet_reader",
    "upload",
]
