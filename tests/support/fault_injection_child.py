"""A program: do something with files in a child whose system calls fail, or kill it, as told.

Reads a line of JSON a case: the deed, the folder, strace's `inject` (or none), where its trace and
what was said go. Answers a line a case: the child's exit code. A child is forked when all is
imported, so that a case takes some ten milliseconds, and its calls are those of the deed.
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
from service.registry.registry import ReloadableModel
from service.settings import Settings

BEGIN, END = "/begin-of-the-deed", "/end-of-the-deed"  # they frame it in the trace
REFUSED, UNCLEAR, NOT_TRACED = 2, 3, 99
NEW = b"new and longer" * 10_000
STATE = checkpoint.State({"theta": np.arange(9.0)}, {"step": 2})
Deed = Callable[[Path], str]


def deed(name: str, predictor: Predictor) -> Callable[[Path], Deed]:
    """What prepares the deed of this name in a folder. What a deed returns is said."""

    def save(folder: Path) -> str:
        return artifact.save(replace(predictor, facts={"description": "new"}), folder / "file")

    def load(folder: Path) -> str:
        return artifact.load(folder / "a.joblib").version

    def swapping(folder: Path) -> Deed:
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
    """`python -m model` with the arguments in a file beside the folder."""
    from model.cli import main

    sys.argv = ["model", *json.loads((folder.parent / "arguments.json").read_text())]
    main()


def child(act: Deed, folder: Path, said: Path) -> int:
    """An error that is meant to be is an exit code of 2, and its words."""
    os.access(BEGIN, os.F_OK)
    try:
        told, code = act(folder), 0
    except SystemExit as exit_:
        told, code = "", int(exit_.code or 0)
    except (MalignancyError, OSError) as error:
        told, code = str(error), REFUSED
    except BaseException as error:
        told, code = repr(error), UNCLEAR
    os.access(END, os.F_OK)
    said.write_text(told)
    return code


def case(prepare: Callable[[Path], Deed], told: dict[str, str]) -> int:
    """The exit code of a child, that strace is attached to before it begins."""
    folder = Path(told["folder"])
    act = prepare(folder)
    process = os.fork()
    if not process:
        signal.sigwait({signal.SIGUSR1})  # no call that is traced, so none that is counted
        said = Path(told["said"])
        with (
            Path(os.devnull).open("w") as sys.stdout,
            said.with_suffix(".err").open("w") as sys.stderr,
        ):
            code = child(act, folder, said)
        os._exit(code)
    strace = ["strace", "-y", "-o", told["trace"], "-e", "trace=%file,%desc", "-p", str(process)]
    if told["inject"]:
        strace += ["-e", f"inject={told['inject']}"]
    with subprocess.Popen(strace, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = "attached" in tracer.stderr.readline()
        if not attached:
            os.kill(process, signal.SIGKILL)
        os.kill(process, signal.SIGUSR1)
        _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) if attached else NOT_TRACED


def main() -> None:
    """Cases until there are no more."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    predictor = artifact.load(Path(sys.argv[1]))
    artifact.to_bytes(predictor)  # so that all is imported
    for line in sys.stdin:
        told = json.loads(line)
        if told["deed"] == "command":
            import model.cli  # noqa: F401
        print(case(deed(told["deed"], predictor), told), flush=True)


if __name__ == "__main__":
    main()
