"""The programs of examples/ predict with the default model."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from docs.generate_notebook import NOTEBOOK, SCRIPT, notebook

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


def test_the_quickstart_prints_predictions(
    wisconsin_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_URL", f"http://127.0.0.1:{wisconsin_port}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    lines = run(sys.executable, "quickstart.py", wisconsin_port)
    assert lines[0] == "ready: True"
    assert ["bare_nuclei", "integer", "1.0", "10.0", "True"] in map(str.split, lines)
    predicted = [line.split() for line in lines if re.match(r"(benign|malignant) +0\.\d", line)]
    assert [(each[0], each[2:]) for each in predicted] == [
        ("benign", ["bare_nuclei"]),
        ("malignant", []),
        ("malignant", []),
    ]
    assert lines[-1] == "instances.0.mitoses must be an integer from 1 to 10"


def test_the_notebook_is_made_from_the_script() -> None:
    assert NOTEBOOK.read_text("utf-8") == notebook(SCRIPT.read_text("utf-8")), (
        "run: python docs/generate_notebook.py"
    )
