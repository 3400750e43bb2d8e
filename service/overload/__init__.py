"""Admission control, work limits and rejections under overload."""
