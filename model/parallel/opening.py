"""Open the pool that a command's options ask for."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from model.parallel.dask_pool import DaskPool
from model.parallel.pool import Pool
from model.parallel.process_pool import ProcessPool


@contextmanager
def open_pool(jobs: int, cluster: str | None = None) -> Iterator[Pool]:
    """Open a pool; it is closed at the end of the context.

    Args:
        jobs: Number of processes of this machine; 1 runs everything in this process.
        cluster: Address of a Dask scheduler, whose workers are used instead.

    Raises:
        MalignancyError: Dask is not installed, or the scheduler cannot be reached.
    """
    pool: Pool = ProcessPool(jobs) if cluster is None else DaskPool(cluster)
    with closing(pool):
        yield pool
