"""The programs of examples/ predict with the default model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

EXAMPLES = ROOT / "examples"
PREDICTIONS = [("benign", "bare_nuclei"), ("malignant", "")]


def run(program: str, example: str, port: int) -> list[str]:
    command = shutil.which(program)
    if command is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [command, str(EXAMPLES / example), f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_shell(wisconsin_port: int) -> None:
    one, many = map(json.loads, run("sh", "predict.sh", wisconsin_port))
    assert (one["label"], one["imputed"]) == ("benign", ["bare_nuclei"])
    assert [each["label"] for each in many["predictions"]] == ["benign", "malignant"]
    assert many["threshold"] == 0.7


@pytest.mark.parametrize(
    ("program", "example"), [(sys.executable, "predict.py"), ("node", "predict.mjs")]
)
def test_python_and_javascript(program: str, example: str, wisconsin_port: int) -> None:
    lines = [line.split(" ") for line in run(program, example, wisconsin_port)]
    assert [(line[0], "".join(line[2:])) for line in lines] == PREDICTIONS
    assert all(0 <= float(line[1]) <= 1 for line in lines)


def test_async_python(wisconsin_port: int) -> None:
    lines = run(sys.executable, "predict_async.py", wisconsin_port)
    assert lines == ["benign 50", "malignant 50"]


def test_a_rejected_row_is_reported(wisconsin_port: int, tmp_path: Path) -> None:
    changed = tmp_path / "predict.py"
    text = (EXAMPLES / "predict.py").read_text()
    assert "[8, 10, 10, 8" in text
    changed.write_text(text.replace("[8, 10, 10, 8", "[8, 11, 10, 8"))
    command = [sys.executable, str(changed), f"http://127.0.0.1:{wisconsin_port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "instances.1.uniformity_of_cell_size must be an integer from 1 to 10" in done.stderr
    assert "Traceback" not in done.stderr
