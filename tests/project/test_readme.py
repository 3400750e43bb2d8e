"""The README's commands are run as they are written, and must answer what it shows."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples() -> list[tuple[str, str]]:
    """(command, expected output) of each console block; a command ends where its quotes close."""
    found = []
    for block in re.findall(r"^```console\n\$ (.*?)^```$", README, re.MULTILINE | re.DOTALL):
        lines = block.splitlines()
        for end in range(1, len(lines) + 1):
            try:
                shlex.split("\n".join(lines[:end]))
            except ValueError:
                continue
            found.append(("\n".join(lines[:end]), "\n".join(lines[end:]).strip()))
            break
    return found


NUMBER = r"(?<![\w@])-?\d+(?:\.\d+)?(?:e-\d+)?"


def same(found: str, expected: str) -> bool:
    """Whether the texts are the same, but for the version, and numbers a little apart.

    Another processor rounds otherwise, and a training of thousands of steps may make much of it.
    """
    texts = [re.sub(r"@[0-9a-f]{12}", "@version", text.strip()) for text in (found, expected)]
    words = [re.sub(NUMBER, "#", text) for text in texts]
    numbers = [[float(each) for each in re.findall(NUMBER, text)] for text in texts]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], abs=0.03, rel=0.03)


def run(command: str, cwd: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env={**os.environ, "PATH": path, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CURL = [example for example in examples() if example[0].startswith("curl")]
OTHERS = [example for example in examples() if not example[0].startswith("curl")]


def test_the_readme_has_examples() -> None:
    assert len(CURL) == 4
    assert [command for command, _ in OTHERS] == ["python -m model train wisconsin"]
    assert all(expected for _, expected in CURL)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize(("command", "expected"), CURL)
def test_a_request_answers_what_is_shown(
    command: str, expected: str, wisconsin_port: int, tmp_path: Path
) -> None:
    assert "localhost:8000" in command
    out = run(command.replace("localhost:8000", f"127.0.0.1:{wisconsin_port}"), tmp_path)
    assert same(out, expected), out


@pytest.mark.parametrize("command", [command for command, _ in OTHERS])
def test_the_offline_program_makes_what_is_said(command: str, tmp_path: Path) -> None:
    out = run(command, tmp_path)
    assert "validation" in out
    made = sorted(path.name for path in (tmp_path / "artifacts").iterdir())
    assert made == [
        "wisconsin.confusion.png",
        "wisconsin.features.png",
        "wisconsin.joblib",
        "wisconsin.loss.png",
        "wisconsin.report.html",
    ]


@pytest.mark.parametrize("target", ["serve", "test", "train", "bench", "stress"])
def test_the_make_targets_exist(target: str) -> None:
    assert f"make {target}" in README
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
