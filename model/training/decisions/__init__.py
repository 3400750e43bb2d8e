"""Choices after training: calibration and operating points."""
