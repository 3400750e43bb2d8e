"""Pools: functions run in this process, in processes of this machine, or on a cluster's workers."""

__all__ = [
    "dask_pool",
    "opening",
    "pool",
]
