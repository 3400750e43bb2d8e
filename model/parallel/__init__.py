"""Pools: functions run in this process, in processes of this machine, or on a cluster's workers."""

__all__ = [
    "child_process",
    "dask_pool",
    "opening",
    "pool",
]
