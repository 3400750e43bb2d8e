"""Decisions after training: calibration, operating points, default threshold and refer band."""

__all__ = ["calibrate", "decisions"]
