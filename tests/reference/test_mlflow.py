"""MLflow's client of its scoring server works unchanged.

It needs other versions than this project, so it runs in a separate environment: make clients.
"""

import json
import subprocess
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

from model.prediction.predictor import Predictor

PYTHON = ROOT / ".venv-mlflow" / "bin" / "python"
ROWS = [[1, 1, 1, 1, 2, 1, 1, 1, 1], [10, 9, 10, 8, 9, None, 9, 10, 3]]

# The client program, which runs in a separate process. Its arguments are the service's port and the
# names of the features.
PROGRAM = f"""
import json, sys
import numpy as np, pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

ROWS = {ROWS}
port, *names = sys.argv[1:]
client = ScoringServerClient("127.0.0.1", int(port))
client.ping()
frame = pd.DataFrame(ROWS, columns=names)

def invoke(data, params=None):
    return json.loads(client.invoke(data, params).to_json())

results = {{
    "version": client.get_version(),
    "frame": invoke(frame),
    "indexed": invoke(frame.set_index(pd.Index(["a", "b"]))),
    "array": invoke(np.array(ROWS[:1])),
    "no params": invoke(frame, {{}}),
    "params": invoke(frame, {{"threshold": 1.0}}),
}}
try:
    invoke(frame, {{"top_k": 3}})
except Exception as error:
    results["error"] = str(error)
print(json.dumps(results))
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="needs mlflow's environment: make clients")
def test_client_works_unchanged(wisconsin_port: int, wisconsin: Predictor) -> None:
    command = [str(PYTHON), "-c", PROGRAM, str(wisconsin_port), *wisconsin.schema.names]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode == 0, process.stderr
    results: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    probabilities = wisconsin.predict(np.array(ROWS, dtype=float))[:, 0].tolist()
    for name in ("frame", "indexed", "array", "no params", "params"):
        predictions = results[name]["predictions"]
        expected = probabilities[: len(predictions)]
        assert [each["probability"] for each in predictions] == pytest.approx(expected)
        assert len(predictions) == (1 if name == "array" else 2)
    labels = [each["label"] for each in results["frame"]["predictions"]]
    assert labels == ["benign", "malignant"]
    assert {each["label"] for each in results["params"]["predictions"]} == {"benign"}
    assert results["version"]
    assert "params.top_k" in results["error"]
