"""Decisions after training: calibration, operating points, default threshold and refer band."""
