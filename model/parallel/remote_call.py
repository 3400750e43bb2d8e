"""Calls on the workers of a cluster, which must have the versions of this program."""

import os
import platform
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from model.errors import MalignancyError


@cache
def versions() -> dict[str, str]:
    """Return the versions that results depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"malignancy": version("malignancy"), "Python": python, "NumPy": np.__version__}


def call(
    expected: dict[str, str], function: Callable[[Any, Any], Any], shared: Any, item: Any
) -> Any:
    """Call a function on a worker.

    Args:
        expected: Versions of the program that wants the result.
        function: A function of a module.
        shared: Its first argument.
        item: Its second argument.

    Raises:
        MalignancyError: The worker has other versions, or may use several BLAS threads.
    """
    for name, own in versions().items():
        if own != expected.get(name):
            raise MalignancyError(
                f"--cluster: a worker has {name} {own}, this program {expected.get(name)}: "
                "install the same versions"
            )
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    if threads != "1":
        raise MalignancyError(
            "--cluster: a worker may use several BLAS threads, whose results differ in the last "
            "bits: start it with OMP_NUM_THREADS=1 in its environment"
        )
    return function(shared, item)
