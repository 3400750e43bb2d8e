"""The service beside a floor, the usual ways to write one, and model servers, all in one run.

    python benchmarks/serving.py                      # about five minutes
    python benchmarks/serving.py --quick              # a minute, to see that all of it works
    python benchmarks/serving.py --peers DIR --json FILE --install

Every server has one core to itself and one worker; the load comes from another core: by Debian's
`wrk` where it is installed (apt-get install wrk), else by asyncio. Servers take turns in short
paired rounds and are suspended in between; figures are medians of rounds, ratios medians of the
rounds' ratios. A server that once answered anything but 200 has no figures. Loopback and free
ports only.

What is not installed here is left out. A model server takes part when DIR, given by --peers, holds
a virtual environment of its name, which needs the server and what an artifact is read with:

    python -m venv DIR/mlserver && DIR/mlserver/bin/pip install mlserver numpy pydantic joblib
    likewise DIR/bentoml, DIR/litserve, DIR/mlflow, and DIR/rayserve of 'ray[serve]'

They all serve the same predictor, each by its own documented way (benchmarks/peers).
"""

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import batches
import cold_start
import interference
import numpy as np
from contestants import BARE, Contestant, Models, contestants
from load import Figures, load, status_of
from processes import LOAD_CORE, ONE_THREAD, ROOT, SERVER_CORE, Running, Server, StartError

from model import artifact

WARM_UP_SECONDS, STARTS = 1, 5


def models_for(chosen: argparse.Namespace, folder: Path) -> Models:
    """The two artifacts, trained now when they are not there."""

    def made(recipe: str, given: Path) -> Path:
        if given.exists():
            return given.absolute()
        print(f"  (no {given}: training {recipe})")
        path = folder / f"{recipe}.joblib"
        command = [sys.executable, "-m", "model", "train", recipe, "--output", str(path)]
        environment = {**os.environ, **ONE_THREAD}
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        return path

    default, article = made("wisconsin", chosen.artifact), made("article", chosen.article)
    return Models(default, article, artifact.load(default).schema.names, folder)


def started(
    entered: list[Contestant], stack: contextlib.ExitStack, folder: Path
) -> dict[Server, Running]:
    """The servers that came up and answered 200, suspended; of the others, why not, in print."""
    running: dict[Server, Running] = {}
    failed: set[Server] = set()
    for each in entered:
        try:
            if each.server not in running and each.server not in failed:
                running[each.server] = server = Running(each.server, folder)
                stack.callback(server.stop)
                server.suspend()
        except StartError as error:
            failed.add(each.server)
            print(f"  ({each.name} {error})")
    return running


def singles(
    entered: list[Contestant], running: Mapping[Server, Running], chosen: argparse.Namespace
) -> dict[str, list[Figures]]:
    """One case a request, at a concurrency: each contestant's figures, a round each."""
    figures: dict[str, list[Figures]] = {each.name: [] for each in entered}
    for number in range(chosen.rounds):
        for each in entered[:: -1 if number % 2 else 1]:
            server = running[each.server]
            with server.awake():
                if status_of(server.port, each.request) != 200:
                    figures[each.name].append(Figures(np.nan, np.nan, np.nan, 1))
                    continue
                if not number:
                    load(server.port, each.request, WARM_UP_SECONDS, chosen.concurrency)
                taken = load(server.port, each.request, chosen.seconds, chosen.concurrency)
            figures[each.name].append(taken)
    return figures


def show_singles(figures: Mapping[str, list[Figures]], concurrency: int) -> None:
    """Print the table."""
    print(f"\nOne case a request, {concurrency} connections")
    print(f"  {'':26}{'requests/s':>11}{'of bare':>9}{'p50 ms':>9}{'p99 ms':>9}")
    floor = [each.per_second for each in figures[BARE]]
    for name, rounds in figures.items():
        failures = sum(each.failures for each in rounds)
        if failures:
            print(f"  {name:26}invalid: {failures} requests were not answered with 200")
            continue
        ratio = statistics.median(a.per_second / b for a, b in zip(rounds, floor, strict=True))
        per_second, p50, p99 = (
            statistics.median(getattr(each, what) for each in rounds)
            for what in ("per_second", "p50", "p99")
        )
        print(f"  {name:26}{per_second:11,.0f}{ratio:9.3f}{p50:9.2f}{p99:9.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifact", type=Path, default=ROOT / "artifacts" / "wisconsin.joblib")
    parser.add_argument("--article", type=Path, default=ROOT / "artifacts" / "article.joblib")
    parser.add_argument("--peers", type=Path, help="a folder of virtual environments, see above")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of a server's turn in a round")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--install", action="store_true", help="install the service anew, by pip")
    parser.add_argument("--json", type=Path, help="save all figures, those of each round too")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 1
    os.sched_setaffinity(0, {LOAD_CORE})
    generator = "wrk" if shutil.which("wrk") else "asyncio"
    print(
        f"servers on core {SERVER_CORE}, load ({generator}) on core {LOAD_CORE}, "
        f"Python {platform.python_version()}, medians of {chosen.rounds} paired rounds"
    )
    saved: dict[str, Any] = {"options": {k: str(v) for k, v in vars(chosen).items()}}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        models = models_for(chosen, Path(name))
        entered = list(contestants(models, chosen.peers))
        running = started(entered, stack, Path(name))
        entered = [each for each in entered if each.server in running]
        figures = singles(entered, running, chosen)
        show_singles(figures, chosen.concurrency)
        saved["singles"] = {k: [dataclasses.asdict(each) for each in v] for k, v in figures.items()}
        saved["batches"] = batches.show(models, running, chosen.rounds)
        saved["interference"] = interference.show(models, running, 1 + chosen.seconds * 2)
        stack.close()
        saved["start"] = cold_start.show(running, Path(name), 1 if chosen.quick else STARTS)
        if chosen.install:
            saved["install"] = cold_start.show_install(Path(name))
    if chosen.json:
        chosen.json.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
