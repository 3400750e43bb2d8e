"""The service beside a floor, the usual ways to write one, and model servers, all in one run.

    python -m benchmarks.serving.compare                      # about 5 minutes
    python -m benchmarks.serving.compare --quick              # 1 minute, a smoke test
    python -m benchmarks.serving.compare --peers DIR --json FILE --install

Every server has one core to itself and one worker; the load comes from another core: by Debian's
`wrk` where it is installed (apt-get install wrk), else by asyncio. Servers take turns in short
paired rounds and are suspended in between; figures are medians of rounds, ratios medians of the
rounds' ratios. The microseconds of CPU a request are the server's with all its processes: what
else runs on this machine disturbs them least. A server that once answered anything but 200 has no
figures. Loopback and free ports only.

What is not installed here is left out. A model server takes part when DIR, given by --peers, holds
a virtual environment of its name, which needs the server and what an artifact is read with:

    python -m venv DIR/mlserver && DIR/mlserver/bin/pip install mlserver numpy pydantic joblib
    likewise DIR/bentoml, DIR/litserve, DIR/mlflow, and DIR/rayserve of 'ray[serve]'

They all serve the same predictor, each by its own documented way (benchmarks/peers).
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

import argparse  # noqa: E402
import contextlib  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.harness.processes import (  # noqa: E402
    LOAD_CORE,
    ROOT,
    SERVER_CORE,
    Running,
    Server,
    StartError,
)
from benchmarks.serving import (  # noqa: E402
    cold_start,
    interference,
    large_bodies,
    single_rows,
)
from benchmarks.serving.servers import Contestant, Models, contestants  # noqa: E402
from model.artifacts import artifact  # noqa: E402

STARTS = 5


def models_for(chosen: argparse.Namespace, folder: Path) -> Models:
    """The two artifacts, trained now when they are not there."""

    def made(recipe: str, given: Path) -> Path:
        if given.exists():
            return given.absolute()
        print(f"  (no {given}: training {recipe})")
        path = folder / f"{recipe}.joblib"
        command = [sys.executable, "-m", "model", "train", recipe, "--output", str(path)]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
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


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artifact", type=Path, default=ROOT / "artifacts" / "wisconsin.joblib")
    parser.add_argument("--article", type=Path, default=ROOT / "artifacts" / "article.joblib")
    parser.add_argument("--peers", type=Path, help="a folder of virtual environments, see above")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1, help="of a server's turn in a round")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--install", action="store_true", help="install the service anew, by pip")
    parser.add_argument("--json", type=Path, help="save all figures, those of each round too")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds = 1, 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which stops the servers, as Ctrl-C does
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
        turns = single_rows.Turns(chosen.rounds, chosen.seconds, chosen.concurrency)
        saved["singles"] = single_rows.show(entered, running, turns)
        saved["batches"] = large_bodies.show(models, running, chosen.rounds)
        saved["interference"] = interference.show(models, running, 1 + chosen.seconds * 2)
        stack.close()
        saved["start"] = cold_start.show(running, Path(name), 1 if chosen.quick else STARTS)
        if chosen.install:
            saved["install"] = cold_start.show_install(Path(name))
    if chosen.json:
        chosen.json.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
