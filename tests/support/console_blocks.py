"""The commands of a page's console blocks, run as a reader would run them."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.paths import ROOT

NUMBER = r"(?<![\w@])-?\d+(?:\.\d+)?(?:e-\d+)?"


def examples(text: str) -> list[tuple[str, str]]:
    """Return (command, expected output) for each command of a text's console blocks.

    A command starts after `$ ` and ends at the line where its quotes and continuations end.
    """
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            for end in range(1, len(lines) + 1):
                command = "\n".join(lines[:end])
                if command.endswith("\\"):
                    continue
                try:
                    shlex.split(command)
                except ValueError:
                    continue
                found.append((command, "\n".join(lines[end:]).strip()))
                break
    return found


def same(found: str, expected: str) -> bool:
    """Compare texts, except for versions and small differences of numbers.

    Another processor rounds differently, and a long training amplifies the difference.
    """
    texts = [re.sub(r"@[0-9a-f]{12}", "@version", text.strip()) for text in (found, expected)]
    words = [re.sub(NUMBER, "#", text) for text in texts]
    numbers = [[float(each) for each in re.findall(NUMBER, text)] for text in texts]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], abs=0.03, rel=0.03)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment whose PATH begins with a folder and the interpreter's folder."""
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "no_proxy": "*"}


def run(command: str, cwd: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=environment(cwd),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_program(folder: Path) -> None:
    """Write the console script of pyproject.toml into a folder.

    The installed package may be older than the source.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        module, _, function = tomllib.load(file)["project"]["scripts"]["malignancy"].partition(":")
    script = folder / "malignancy"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    script.chmod(0o755)
