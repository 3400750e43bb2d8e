"""From a raw row to a prediction: schema, target, encoder, calibration, predictor."""
