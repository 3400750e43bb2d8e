"""Prediction: schema, target, encoder, calibration and predictor."""
