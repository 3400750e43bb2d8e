"""Command line of the programs that measure the service under one kind of load."""

import argparse
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.processes import LOAD_CORE, ROOT, Running, Server


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of the artifact, `--root` and `--quick`.

    Args:
        doc: The program's docstring.
    """
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "artifact",
        type=Path,
        nargs="?",
        default=ROOT / "artifacts" / "wisconsin.joblib",
        help="artifact to serve [default: %(default)s]",
    )
    made.add_argument(
        "--root",
        type=Path,
        default=ROOT,
        help="checkout whose service is measured [default: %(default)s]",
    )
    made.add_argument("--quick", action="store_true", help="one short round")
    return made


@contextmanager
def serving(chosen: argparse.Namespace) -> Iterator[Running]:
    """Run the service with its default settings on one core, and this program on the other.

    The limit on open descriptors of this program is raised to its maximum.

    Args:
        chosen: The arguments of `parser`.

    Yields:
        The running service.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the service, as Ctrl-C does
    artifact = str(chosen.artifact.absolute())
    command = (sys.executable, "-m", "service", "--port", "PORT", "--artifact", artifact)
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.root.absolute()
        running = Running(Server("service", command, "/health/ready"), Path(folder), root)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        others = os.getloadavg()[0]
        print(f"{root}; load average of the machine before: {others:.2f}", flush=True)
        try:
            yield running
        finally:
            running.stop()
