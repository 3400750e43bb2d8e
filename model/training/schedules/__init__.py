"""Learning-rate schedules."""

__all__ = ["cosine", "plateau", "registry", "schedule"]
