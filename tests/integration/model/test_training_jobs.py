"""`train --jobs`: the same artifact from several processes, which end with the program."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc"),
]
RECIPE = """
extends = "wisconsin"
name = "quick"

[training]
epochs = {epochs}

[ensemble]
members = 4
folds = 4
"""
SECONDS = 60  # timeout of every wait


def recipe(folder: Path, epochs: int) -> str:
    path = folder / "quick.toml"
    path.write_text(RECIPE.format(epochs=epochs))
    return str(path)


@pytest.mark.slow
def test_artifact_does_not_depend_on_the_number_of_processes(
    program: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    written = []
    for jobs in (1, 2):
        output = tmp_path / str(jobs) / "quick.joblib"
        code, _, error = program("train", recipe(tmp_path, 20), "--output", output, "--jobs", jobs)
        assert (code, error) == (0, "")
        report = output.with_name("quick.report.html")
        written.append((output.read_bytes(), report.read_bytes()))
    assert written[0] == written[1]


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_processes_of_members_end_with_the_program(tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "model", "train", recipe(tmp_path, 10**6)]
    with subprocess.Popen(
        [*command, "--output", str(tmp_path / "out.joblib"), "--jobs", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        workers = wait_for(lambda: two_workers(process.pid))
        os.killpg(process.pid, end) if end == signal.SIGINT else process.send_signal(end)
        error = process.communicate(timeout=SECONDS)[1]
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers))
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert error.startswith("interrupted: the best weights so far, of epoch ")
    assert "Traceback" not in error


def two_workers(parent: int) -> list[int]:
    """Return the process numbers of two children that have trained for a while, else none."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = []
    for pid in children:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
        if b"spawn_main" in command and ticks > os.sysconf("SC_CLK_TCK"):  # a second of CPU time
            found.append(int(pid))
    return found if len(found) == 2 else []


def wait_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two cores")
@pytest.mark.parametrize(("environment", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_program_uses_one_blas_thread_unless_the_environment_sets_more(
    environment: dict[str, str], threads: int
) -> None:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    inherited = {key: value for key, value in os.environ.items() if key not in names}
    script = (
        "import pathlib, sys, model.__main__\n"
        "sys.argv = ['model', '--version']\n"
        "try:\n    model.__main__.main()\n"
        "finally:\n"
        "    found = pathlib.Path('/proc/self/task').glob('*/comm')\n"
        "    names = [each.read_text() for each in found]\n"
        "    print(names.count(pathlib.Path('/proc/self/comm').read_text()))"  # others: pyarrow's
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == str(threads)
