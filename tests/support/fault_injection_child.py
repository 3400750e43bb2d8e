"""A program that runs file operations in child processes with injected system call faults.

It reads a line of JSON per case: the operation, the folder, strace's `inject` (or none), and the
files of the trace and the output. It writes a line per case: the child's exit code. A child is
forked after all imports, so that a case takes about 10 ms and its calls are those of the operation.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.artifacts.repository import make_current
from model.errors import MalignancyError
from model.prediction.predictor import Predictor
from model.training.fitting import checkpoint
from service.registry.model_version import ModelVersion
from service.registry.reloadable_model import ReloadableModel
from service.settings import Settings

BEGIN, END = "/begin-of-the-operation", "/end-of-the-operation"  # they frame it in the trace
EXPECTED_ERROR, UNEXPECTED_ERROR, NOT_TRACED = 2, 3, 99
NEW = b"new and longer" * 10_000
STATE = checkpoint.State({"theta": np.arange(9.0)}, {"step": 2})
Operation = Callable[[Path], str]


def preparation(name: str, predictor: Predictor) -> Callable[[Path], Operation]:
    """Return a function that prepares an operation in a folder; an operation returns its output."""

    def save(folder: Path) -> str:
        return artifact.save(replace(predictor, facts={"description": "new"}), folder / "file")

    def load(folder: Path) -> str:
        return artifact.load(folder / "a.joblib").version

    def swapping(folder: Path) -> Operation:
        make_current(folder / "a.joblib")
        model = ReloadableModel(folder, lambda each: ModelVersion(each, Settings()))
        make_current(folder / "b.joblib")

        def swap(_: Path) -> str:
            model.reload()
            return model.current.predictor.version

        return swap

    plain: dict[str, Callable[[Path], object]] = {
        "publish": lambda folder: write_atomically(folder / "file", NEW),
        "save": save,
        "promote": lambda folder: make_current(folder / "b.joblib"),
        "checkpoint": lambda folder: checkpoint.write(folder / "file", {}, STATE),
        "load": load,
        "command": command,
    }
    if name == "swap":
        return swapping
    return lambda _: lambda folder: str(plain[name](folder))


def command(folder: Path) -> None:
    """Run `python -m model` with the arguments in a file beside the folder."""
    from model.cli import main

    sys.argv = ["model", *json.loads((folder.parent / "arguments.json").read_text())]
    main()


def child(operation: Operation, folder: Path, output: Path) -> int:
    """Run an operation, write its result or error text, and return the exit code."""
    os.access(BEGIN, os.F_OK)
    try:
        text, code = operation(folder), 0
    except SystemExit as exit_:
        text, code = "", int(exit_.code or 0)
    except (MalignancyError, OSError) as error:
        text, code = str(error), EXPECTED_ERROR
    except BaseException as error:
        text, code = repr(error), UNEXPECTED_ERROR
    os.access(END, os.F_OK)
    output.write_text(text)
    return code


def run_case(prepare: Callable[[Path], Operation], request: dict[str, str]) -> int:
    """Run one case in a child that strace is attached to, and return the child's exit code."""
    folder = Path(request["folder"])
    operation = prepare(folder)
    process = os.fork()
    if not process:
        signal.sigwait({signal.SIGUSR1})  # not a traced call, so not counted
        output = Path(request["output"])
        with (
            Path(os.devnull).open("w") as sys.stdout,
            output.with_suffix(".err").open("w") as sys.stderr,
        ):
            code = child(operation, folder, output)
        os._exit(code)
    strace = ["strace", "-y", "-o", request["trace"], "-e", "trace=%file,%desc", "-p", str(process)]
    if request["inject"]:
        strace += ["-e", f"inject={request['inject']}"]
    with subprocess.Popen(strace, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = "attached" in tracer.stderr.readline()
        if not attached:
            os.kill(process, signal.SIGKILL)
        os.kill(process, signal.SIGUSR1)
        _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) if attached else NOT_TRACED


def main() -> None:
    """Run cases until the end of the input."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    predictor = artifact.load(Path(sys.argv[1]))
    artifact.to_bytes(predictor)  # imports everything
    for line in sys.stdin:
        request = json.loads(line)
        if request["operation"] == "command":
            import model.cli  # noqa: F401
        print(run_case(preparation(request["operation"], predictor), request), flush=True)


if __name__ == "__main__":
    main()
