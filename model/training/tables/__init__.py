"""Tables of rows: reading, columns, targets, splits, partitions and the encoder's fit."""

__all__ = [
    "columns",
    "fit_encoder",
    "masking",
    "partitions",
    "readers",
    "splits",
    "table",
    "table_format",
    "targets",
    "training_sample",
]
