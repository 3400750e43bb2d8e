"""Work in several processes, all of it scheduled by joblib: here, or on a Dask cluster."""

from importlib.util import find_spec
from typing import Any

import joblib

from model.errors import MalignancyError


def workers(jobs: int, cluster: str | None = None) -> Any:
    """A context in which joblib works in so many processes, each on one core.

    cluster: the address of a Dask scheduler, whose workers then do it (they need this package, and
    should run with one BLAS thread each). Raises MalignancyError where Dask is not installed.
    """
    if cluster is None:
        return joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1)
    if find_spec("distributed") is None:
        raise MalignancyError("--cluster needs Dask: pip install distributed")
    try:
        return joblib.parallel_config("dask", n_jobs=jobs, scheduler_host=cluster)
    except (OSError, ValueError) as error:
        raise MalignancyError(f"--cluster: {cluster} cannot be reached: {error}") from None
