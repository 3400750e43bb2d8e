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
    """What came of one fault. call: the system call; number: which of its kind in the trace."""

    call: str
    number: int
    fault: str
    code: int
    said: str
    errors: str
    trace: list[str]

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.number}: {self.code} {self.said}{self.errors}"


class Faults:
    """Deeds, done in copies of the folder `source`, again and again."""

    def __init__(self, process: "subprocess.Popen[str]", source: Path, scratch: Path) -> None:
        self._process, self.source = process, source
        self.folder = scratch / "folder"
        self._told = {"folder": str(self.folder), "said": str(scratch / "said.txt")}
        self._trace = scratch / "trace.txt"

    def run(self, deed: str, call: str = "", number: int = 0, fault: str = "") -> Case:
        """One case; without a call there is no fault."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.source, self.folder)
        said = Path(self._told["said"])
        said.write_text("")
        inject = f"{call}:{fault}:when={number}" if call else ""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({**self._told, "deed": deed, "inject": inject, "trace": str(self._trace)})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code != NOT_TRACED
        trace = self._trace.read_text(errors="replace").splitlines()
        errors = said.with_suffix(".err")
        told = errors.read_text() if errors.exists() else ""
        return Case(call, number, fault, code, said.read_text(), told, trace)

    def every(self, deed: str, *faults: str, only: tuple[str, ...] = ()) -> Iterator[Case]:
        """Each of these faults at each call of the deed on a file of the folder.

        only: the calls that are meant, where those of readers are too many.
        """
        found = places(self.run(deed).trace, str(self.folder))
        calls = [(call, number) for call, number in found if not only or call in only]
        assert calls
        for call, number in calls:
            for fault in faults:
                case = self.run(deed, call, number, fault)
                begun = next(k for k, line in enumerate(case.trace) if BEGIN in line)
                hit = "+++ killed by SIGKILL" if fault == KILL else "(INJECTED"
                assert any(hit in line for line in case.trace[begun:]), case
                yield case


def places(trace: list[str], folder: str) -> Iterator[tuple[str, int]]:
    """(call, which of its kind) of each call on a file of the folder, within the deed."""
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
    """The deed's calls, as strace writes them."""
    begin = next(k for k, line in enumerate(case.trace) if BEGIN in line)
    end = next(k for k, line in enumerate(case.trace) if END in line)
    return case.trace[begin + 1 : end]


@contextmanager
def faults(artifact: Path, source: Path, scratch: Path) -> Iterator[Faults]:
    """The program, ready for cases."""
    command = [sys.executable, "-m", "tests.support.fault_injection_child", str(artifact)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Faults(process, source, scratch)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=60) == 0
