"""Engines that run a function for many items: processes of this machine, Dask, or Ray.

Nothing here schedules: each engine is a thin adapter for what exists.
"""

__all__: list[str] = []
