"""Prediction: schema, target, encoder, calibration and predictor."""

__all__ = [
    "calibration",
    "cells",
    "delimiters",
    "encoder",
    "facts",
    "names",
    "numerals",
    "other_rows",
    "predictor",
    "row_facts",
    "row_tables",
    "schema",
    "schema_rules",
    "target",
    "training_sample",
]
