"""`mlserver infer`, MLServer's program for many requests in a file, works unchanged.

It needs other versions than this project's, so it has an environment of its own: make clients.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

from model.prediction.predictor import Predictor

PROGRAM = ROOT / ".venv-mlserver" / "bin" / "mlserver"
ROWS = [[1, 1, 1, 1, 2, 1, 1, 1, 1], [10, 9, 10, 8, 9, 10, 9, 10, 3], [5, 4, 4, 5, 7, 10, 3, 2, 1]]


@pytest.mark.skipif(not PROGRAM.exists(), reason="asks with mlserver: make clients")
@pytest.mark.parametrize("options", [[], ["--binary-data"], ["--batch-size", "2"]], ids=str)
def test_it_works(
    wisconsin_port: int, wisconsin: Predictor, tmp_path: Path, options: list[str]
) -> None:
    requests = [
        {
            "id": str(number),
            "inputs": [{"name": "input", "shape": [1, 9], "datatype": "INT64", "data": row}],
        }
        for number, row in enumerate([*ROWS, [11] * 9][: 3 if "2" in options else 4])
    ]
    asked, told = tmp_path / "asked.jsonl", tmp_path / "told.jsonl"
    asked.write_text("".join(json.dumps(each) + "\n" for each in requests))
    service = ["--url", f"127.0.0.1:{wisconsin_port}", "--model-name", "wisconsin"]
    files = ["--input-data-path", str(asked), "--output-data-path", str(told)]
    command = [str(PROGRAM), "infer", *service, *files, "--retries", "1", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    answers: dict[int, Any] = {}
    for line in told.read_text().splitlines():
        answer = json.loads(line)
        answers[answer["parameters"]["batch_index"]] = answer
    assert len(answers) == len(requests), ran.stderr
    probabilities = wisconsin.predict(np.array(ROWS, dtype=float))[:, 0]
    for number, probability in enumerate(probabilities.tolist()):
        answer = answers[number]
        outputs = {each["name"]: each["data"] for each in answer["outputs"]}
        label = "malignant" if probability > wisconsin.threshold else "benign"
        assert answer["id"] == str(number)
        assert outputs == {"probability": [pytest.approx(probability)], "label": [label]}
    if len(requests) == 4:
        assert "row 0: clump_thickness must be" in answers[3]["error"]["msg"]
