"""The wheel of the project, virtual environments that it is installed in, and its service."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.eventually import until
from support.paths import ROOT

PYTHON = os.environ.get("WHEEL_PYTHON", sys.executable)  # `make pythons` sets it
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
SECONDS = 600.0  # for an install on a busy machine


def build(source: Path, output: Path, *options: str) -> Path:
    """Build the wheel of a source tree, by the tools that requirements/build.txt pins.

    Args:
        source: The root of the source tree.
        output: A folder for the wheel.
        options: Further options of pip.

    Returns:
        The path of the wheel.
    """
    command = [*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(output), *options]
    subprocess.run([*command, str(source)], check=True, timeout=SECONDS)
    (wheel,) = output.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel.

    Attributes:
        folder: The folder of the environment.
    """

    folder: Path

    @classmethod
    def create(cls, folder: Path, wheel: Path, extras: str = "", *options: str) -> "Installed":
        """Create an environment and install the wheel.

        Args:
            folder: The folder to create.
            wheel: The wheel.
            extras: The extras in brackets, such as "[train]".
            options: Further options of pip.
        """
        subprocess.run(
            [PYTHON, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=SECONDS
        )
        pins = ["--constraint", str(ROOT / "constraints.txt")]
        command = [*PIP, "--python", str(folder), "install", "--quiet", *pins, *options]
        subprocess.run([*command, f"{wheel}{extras}"], check=True, timeout=SECONDS)
        return cls(folder)

    @property
    def script(self) -> str:
        return str(self.folder / "bin/malignancy")

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command of `malignancy`, and return its exit code and output.

        Args:
            arguments: The command and its arguments.
            cwd: The working directory.
        """
        return subprocess.run(
            [self.script, *arguments],
            cwd=cwd,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def packages(self) -> list[str]:
        """Return the names of the installed packages."""
        command = [*PIP, "--python", str(self.folder), "list", "--format", "json"]
        listed = json.loads(subprocess.check_output(command, timeout=SECONDS))
        return [each["name"] for each in listed]

    @contextmanager
    def serving(self, cwd: Path, *arguments: str) -> Iterator["Served"]:
        """Run `malignancy serve` on a free port; SIGTERM must end it with code 0.

        Args:
            cwd: The working directory; the log is beside it.
            arguments: Further arguments.
        """
        log = cwd.with_suffix(".log")
        with log.open("wb") as file:
            process = subprocess.Popen(
                [self.script, "serve", "--port", "0", *arguments],
                cwd=cwd,
                env=_environment(),
                stderr=file,
                start_new_session=True,
            )
        try:
            yield Served(process.pid, _url(process, log))
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0, log.read_text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@dataclass(frozen=True)
class Served:
    """A running service.

    Attributes:
        pid: The process.
        url: The address, without a slash at the end.
    """

    pid: int
    url: str

    def get(self, path: str, **headers: str) -> str:
        """Return the text of an answer with status 200."""
        return self._send(urllib.request.Request(f"{self.url}{path}", headers=headers))

    def post(self, path: str, body: object) -> Any:
        """Return the JSON of an answer with status 200 to a JSON body."""
        headers = {"Content-Type": "application/json"}
        content = json.dumps(body).encode()
        return json.loads(self._send(urllib.request.Request(f"{self.url}{path}", content, headers)))

    def memory_bytes(self, kind: str) -> int:
        """Return a kind of memory of the process.

        Args:
            kind: Its name in /proc/PID/status: VmRSS is resident memory, RssAnon its private part.
        """
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"^{kind}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def _send(self, request: urllib.request.Request) -> str:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text: str = answer.read().decode()
        return text


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return the address that a service logs once it listens and has started."""
    found: list[str] = []

    def is_running() -> bool:
        text = log.read_text(encoding="utf-8")
        assert process.poll() is None, text
        found[:] = re.findall(r"running on (http://[\d.]+:\d+)", text)
        return bool(found) and "startup complete" in text

    until(is_running)
    return found[0]


def _environment() -> Mapping[str, str]:
    """Return an environment in which Python finds only what is installed."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {name: value for name, value in kept.items() if not name.startswith("MALIGNANCY_")}
