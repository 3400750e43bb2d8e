"""Time from process start to the first 200, resident memory then, and size of the install."""

import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness import table
from benchmarks.harness.processes import ROOT, Running, Server, StartError

SLOW_SECONDS = 5  # a slower server is started once


def show(
    servers: Iterable[Server], folder: Path, root: Path, starts: int
) -> dict[str, list[float]]:
    """Print a table of start times and memory.

    Args:
        servers: The servers.
        folder: Their working folder.
        root: The checkout that they import this project from.
        starts: The number of starts per server.

    Returns:
        For each server, the seconds of each start.
    """
    saved: dict[str, list[float]] = {}
    rows = []
    for server in servers:
        seconds, megabytes = list[float](), list[float]()
        try:
            while len(seconds) < (1 if max(seconds, default=0) > SLOW_SECONDS else starts):
                running = Running(server, folder, root)
                try:
                    seconds.append(running.start_seconds)
                    megabytes.append(running.megabytes())
                finally:
                    running.stop()
        except StartError as error:
            print(f"  ({server.name} {error})")
            continue
        rows.append((server.name, [statistics.median(each) for each in (seconds, megabytes)]))
        saved[server.name] = seconds
    table.show("Time from start to ready, and resident memory then", ("s", "MB"), rows)
    return saved


def show_install(folder: Path) -> dict[str, float]:
    """Install the service into a new virtual environment; print and return packages and MB."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip"]
    before = _megabytes(venv)
    source = folder / "source"
    tracked = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    source.mkdir()
    subprocess.run(["tar", "-x"], cwd=source, input=tracked, check=True)
    install = [*pip, "install", "-qq", "--constraint", "constraints.txt", "."]
    subprocess.run(install, cwd=source, timeout=600, check=True)
    listed = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout
    packages, size = len(listed.splitlines()), _megabytes(venv) - before
    print(f"\npip install .: {packages} packages, {size:.0f} MB with their compiled files")
    return {"packages": packages, "megabytes": size}


def _megabytes(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6
