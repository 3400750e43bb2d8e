"""Prediction: schema, target, encoder, calibration and predictor."""

__all__ = ["calibration", "encoder", "facts", "predictor", "schema", "schema_rules", "target"]
