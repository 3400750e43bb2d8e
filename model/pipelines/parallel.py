"""Parallel processing with joblib: in processes of this machine, or on a Dask cluster."""

from importlib.util import find_spec
from typing import Any

import joblib

from model.errors import MalignancyError


def workers(jobs: int, cluster: str | None = None) -> Any:
    """Return a context in which joblib uses several processes with one BLAS thread each.

    Args:
        jobs: Number of processes; −1 for one on each core.
        cluster: Address of a Dask scheduler, whose workers are used instead. They need this
            package, and should run with one BLAS thread each.

    Raises:
        MalignancyError: Dask is not installed, or the scheduler cannot be reached.
    """
    if cluster is None:
        return joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1)
    if find_spec("distributed") is None:
        raise MalignancyError("--cluster needs Dask: pip install distributed")
    try:
        return joblib.parallel_config("dask", n_jobs=jobs, scheduler_host=cluster)
    except (OSError, ValueError) as error:
        raise MalignancyError(f"--cluster: {cluster} cannot be reached: {error}") from None
