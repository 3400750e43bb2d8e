"""The choice of an engine."""

from importlib.util import find_spec

from model.errors import MalignancyError
from service.scoring.engines.engine import Engine, EngineName
from service.scoring.engines.local import LocalEngine


def open_engine(name: EngineName, *, workers: int = 1, cluster: str | None = None) -> Engine:
    """Start an engine, or connect it to its cluster; a context manager.

    Args:
        name: The engine.
        workers: Number of workers on this machine, if there is no cluster.
        cluster: Address of a cluster of the engine.

    Raises:
        MalignancyError: The engine is not installed, has no clusters, or cannot reach the cluster.
    """
    if name == "local":
        if cluster is not None:
            raise MalignancyError("a cluster needs the engine dask or ray")
        return LocalEngine(workers)
    package = {"dask": "distributed", "ray": "ray"}[name]
    if find_spec(package) is None:
        raise MalignancyError(f"the engine {name} is not installed: pip install {package}")
    if name == "dask":
        from service.scoring.engines.dask import DaskEngine

        return DaskEngine(workers, cluster)
    from service.scoring.engines.ray import RayEngine

    return RayEngine(workers, cluster)
