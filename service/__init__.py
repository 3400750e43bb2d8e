"""The REST service: loads one artifact and answers predictions, metrics and the model's facts."""
