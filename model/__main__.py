"""Command line entry point of the offline program: `python -m model`."""

import os
import sys
from importlib.util import find_spec

TRAIN_PACKAGES = ("matplotlib", "pandas", "rich", "typer")


def main() -> None:
    """Run the program; without the extra `train`, print how to install it.

    Each process uses one BLAS thread, unless the environment sets their number: the matrix products
    are small, and a second thread makes them several times slower if its core is busy.
    """
    # Read when NumPy is imported, also by child processes. OpenBLAS and MKL prefer their own
    # variables, OPENBLAS_NUM_THREADS and MKL_NUM_THREADS.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    missing = next((name for name in TRAIN_PACKAGES if find_spec(name) is None), None)
    if missing is not None:
        print(
            f"error: the package {missing} is not installed, which all commands but serve need: "
            "pip install 'malignancy[train]'",
            file=sys.stderr,
        )
        sys.exit(2)
    try:
        from model.cli import main as run  # takes a moment, in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
