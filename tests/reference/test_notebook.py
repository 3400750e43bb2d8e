"""The notebook of the quickstart runs in a Jupyter kernel, and prints what the script prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install nbclient")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")

EXAMPLES = ROOT / "examples"


def test_the_notebook_prints_what_the_script_prints(
    wisconsin_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_URL", f"http://127.0.0.1:{wisconsin_port}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    nbformat.validate(notebook)
    # ipykernel removes its working directory from the path, which with PYTHONSAFEPATH is an entry
    # of PYTHONPATH.
    elsewhere = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources=elsewhere
    )
    client.execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    assert {(each.output_type, each.get("name")) for each in outputs} == {("stream", "stdout")}
    script = subprocess.run(
        [sys.executable, EXAMPLES / "quickstart.py"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "".join(each.text for each in outputs) == script.stdout
