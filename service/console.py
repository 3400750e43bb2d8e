"""The console script `malignancy`: `malignancy serve` is the service, all else the offline program.

The modules run as by `python -m`: neither program imports the other, and the service starts without
the packages of the offline program.
"""

import runpy
import sys
from importlib.metadata import version


def main() -> None:
    """Run `python -m service` for `malignancy serve …`, else `python -m model …`."""
    if sys.argv[1:] == ["--version"]:
        print(f"malignancy {version('malignancy')}")
    elif sys.argv[1:2] == ["serve"]:
        del sys.argv[1]
        runpy.run_module("service", run_name="__main__")
    else:
        runpy.run_module("model", run_name="__main__")
