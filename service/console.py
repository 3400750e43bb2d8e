"""The console script `malignancy`: the service and its commands, else the offline program.

The modules run as by `python -m`: neither program imports the other, and the service starts without
the packages of the offline program. Unlike `python -m`, neither this process nor its children
import modules from the working directory, where a user may have a `model.py`.
"""

import os
import runpy
import sys
from importlib.metadata import version


def main() -> None:
    """Run `python -m service` for `malignancy serve …`, else `python -m model …`.

    `malignancy store …` is `python -m service.store.command …`, `malignancy replay …` is
    `python -m service.comparison.command …`, and `malignancy score …` is
    `python -m service.scoring.command …`.
    """
    # For the child processes: multiprocessing starts them by `python -c`, joblib by `python -m`.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    if sys.argv[1:] == ["--version"]:
        print(f"malignancy {version('malignancy')}")
    elif sys.argv[1:2] == ["serve"]:
        del sys.argv[1]
        runpy.run_module("service", run_name="__main__")
    elif sys.argv[1:2] == ["store"]:
        del sys.argv[1]
        runpy.run_module("service.store.command", run_name="__main__")
    elif sys.argv[1:2] == ["replay"]:
        del sys.argv[1]
        runpy.run_module("service.comparison.command", run_name="__main__")
    elif sys.argv[1:2] == ["score"]:
        del sys.argv[1]
        runpy.run_module("service.scoring.command", run_name="__main__")
    else:
        runpy.run_module("model", run_name="__main__")
