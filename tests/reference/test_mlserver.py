"""`mlserver infer`, MLServer's program for many requests in a file, works unchanged.

It needs other versions than this project, so it runs in a separate environment: make clients.
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


@pytest.mark.skipif(not PROGRAM.exists(), reason="needs mlserver's environment: make clients")
@pytest.mark.parametrize("options", [[], ["--binary-data"], ["--batch-size", "2"]], ids=str)
def test_program_works_unchanged(
    wisconsin_port: int, wisconsin: Predictor, tmp_path: Path, options: list[str]
) -> None:
    requests = [
        {
            "id": str(number),
            "inputs": [{"name": "input", "shape": [1, 9], "datatype": "INT64", "data": row}],
        }
        for number, row in enumerate([*ROWS, [11] * 9][: 3 if "2" in options else 4])
    ]
    request_path, response_path = tmp_path / "requests.jsonl", tmp_path / "responses.jsonl"
    request_path.write_text("".join(json.dumps(each) + "\n" for each in requests))
    service = ["--url", f"127.0.0.1:{wisconsin_port}", "--model-name", "wisconsin"]
    files = ["--input-data-path", str(request_path), "--output-data-path", str(response_path)]
    command = [str(PROGRAM), "infer", *service, *files, "--retries", "1", *options]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode == 0, process.stderr
    answers: dict[int, Any] = {}
    for line in response_path.read_text().splitlines():
        answer = json.loads(line)
        answers[answer["parameters"]["batch_index"]] = answer
    assert len(answers) == len(requests), process.stderr
    probabilities = wisconsin.predict(np.array(ROWS, dtype=float))[:, 0]
    for number, probability in enumerate(probabilities.tolist()):
        answer = answers[number]
        outputs = {each["name"]: each["data"] for each in answer["outputs"]}
        label = "malignant" if probability > wisconsin.threshold else "benign"
        assert answer["id"] == str(number)
        assert outputs == {"probability": [pytest.approx(probability)], "label": [label]}
    if len(requests) == 4:
        assert "row 0: clump_thickness must be" in answers[3]["error"]["msg"]
