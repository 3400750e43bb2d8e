"""Cases for fault_injection_child.py: a fault at every system call on files of a folder."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.fault_injection_child import BEGIN, END, NOT_TRACED
from support.paths import ROOT

KILL = "signal=KILL"
CALL = re.compile(r"(\w+)\(")


@dataclass(frozen=True)
class Case:
    """The outcome of one fault.

    Attributes:
        call: The name of the system call.
        number: Its number among the calls of that name in the trace.
        fault: strace's description of the fault.
        code: The exit code of the child.
        output: The result or error text of the operation.
        errors: The standard error of the child.
        trace: The lines of the trace.
    """

    call: str
    number: int
    fault: str
    code: int
    output: str
    errors: str
    trace: list[str]

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.number}: {self.code} {self.output}{self.errors}"


class Faults:
    """Runs operations in copies of the folder `source`."""

    def __init__(self, process: "subprocess.Popen[str]", source: Path, scratch: Path) -> None:
        self._process, self.source = process, source
        self.folder = scratch / "folder"
        self._request = {"folder": str(self.folder), "output": str(scratch / "output.txt")}
        self._trace = scratch / "trace.txt"

    def run(self, operation: str, call: str = "", number: int = 0, fault: str = "") -> Case:
        """Run one case; without a call, no fault is injected."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.source, self.folder)
        output = Path(self._request["output"])
        output.write_text("")
        inject = f"{call}:{fault}:when={number}" if call else ""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps(
            {**self._request, "operation": operation, "inject": inject, "trace": str(self._trace)}
        )
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code != NOT_TRACED
        trace = self._trace.read_text(errors="replace").splitlines()
        errors = output.with_suffix(".err")
        text = errors.read_text() if errors.exists() else ""
        return Case(call, number, fault, code, output.read_text(), text, trace)

    def every(self, operation: str, *faults: str, only: tuple[str, ...] = ()) -> Iterator[Case]:
        """Yield a case per fault and per call of an operation on a file of the folder.

        Args:
            operation: The name of the operation.
            *faults: strace's descriptions of faults.
            only: The names of the calls to fail; empty for all.
        """
        found = places(self.run(operation).trace, str(self.folder))
        calls = [(call, number) for call, number in found if not only or call in only]
        assert calls
        for call, number in calls:
            for fault in faults:
                case = self.run(operation, call, number, fault)
                start = next(k for k, line in enumerate(case.trace) if BEGIN in line)
                hit = "+++ killed by SIGKILL" if fault == KILL else "(INJECTED"
                assert any(hit in line for line in case.trace[start:]), case
                yield case


def places(trace: list[str], folder: str) -> Iterator[tuple[str, int]]:
    """Yield the name and number of each call of the operation on a file of the folder."""
    counts: Counter[str] = Counter()
    within = False
    for line in trace:
        found = CALL.match(line)
        if found is None:
            continue
        counts[found[1]] += 1
        within = (within and END not in line) or BEGIN in line
        if within and folder in line:
            yield found[1], counts[found[1]]


def calls_of(case: Case) -> list[str]:
    """Return the calls of the operation, as strace prints them."""
    begin = next(k for k, line in enumerate(case.trace) if BEGIN in line)
    end = next(k for k, line in enumerate(case.trace) if END in line)
    return case.trace[begin + 1 : end]


@contextmanager
def faults(artifact: Path, source: Path, scratch: Path) -> Iterator[Faults]:
    """Start the program that runs cases."""
    command = [sys.executable, "-m", "tests.support.fault_injection_child", str(artifact)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Faults(process, source, scratch)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=60) == 0
