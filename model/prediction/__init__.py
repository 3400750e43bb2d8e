"""Prediction: schema, target, encoder, calibration and predictor."""

__all__ = [
    "calibration",
    "encoder",
    "facts",
    "predictor",
    "row_tables",
    "schema",
    "schema_rules",
    "target",
]
