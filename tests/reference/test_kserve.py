"""KServe's client of the Open Inference Protocol works unchanged.

It needs other versions than this project, so it runs in a separate environment: make clients.
"""

import json
import subprocess
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

from model.prediction.predictor import Predictor

PYTHON = ROOT / ".venv-kserve" / "bin" / "python"
ROWS = [[1, 1, 1, 1, 2, 1, 1, 1, 1], [10, 9, 10, 8, 9, 10, 9, 10, 3]]

# The client program, which runs in a separate process. Its argument is the service's address.
PROGRAM = f"""
import asyncio, json, sys
import httpx, numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

ROWS = np.array({ROWS}, dtype=np.float64)

async def infer(client, url, rows, binary, **other):
    tensor = InferInput("input", list(rows.shape), "FP64")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    request = InferRequest("wisconsin", [tensor], request_id="one", **other)
    answer = await client.infer(url, request, model_name="wisconsin")
    outputs = {{each.name: each.as_numpy().ravel().tolist() for each in answer.outputs}}
    return {{"id": answer.id, "parameters": answer.parameters, **outputs}}

async def main(url):
    results = {{}}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        results["live"] = await client.is_server_live(url)
        results["ready"] = await client.is_server_ready(url)
        results["model"] = await client.is_model_ready(url, "wisconsin")
        results["none"] = await client.is_model_ready(url, "none")
        results["json"] = await infer(client, url, ROWS, False)
        results["binary"] = await infer(client, url, ROWS, True)
        results["parameters"] = await infer(
            client, url, ROWS, True, parameters={{"threshold": 1, "binary_data_output": True}},
        )
        try:
            await infer(client, url, ROWS + 1, False)
        except httpx.HTTPStatusError as error:
            results["error"] = str(error)
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        results["v1"] = [
            await client.is_server_live(url),
            await client.is_model_ready(url, "wisconsin"),
            await client.infer(url, {{"instances": ROWS.tolist()}}, model_name="wisconsin"),
        ]
        try:
            await client.infer(url, {{"instances": [[1]]}}, model_name="wisconsin")
        except httpx.HTTPStatusError as error:
            results["v1 error"] = str(error)
    print(json.dumps(results, default=bytes.decode))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="needs kserve's environment: make clients")
def test_client_works_unchanged(wisconsin_port: int, wisconsin: Predictor) -> None:
    address = f"http://127.0.0.1:{wisconsin_port}"
    process = subprocess.run(
        [PYTHON, "-c", PROGRAM, address], capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stderr
    results: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    assert [results[name] for name in ("live", "ready", "model", "none")] == [
        True,
        True,
        True,
        False,
    ]
    probabilities = wisconsin.predict(np.array(ROWS, dtype=float))[:, 0]
    for name in ("json", "binary", "parameters"):
        answer = results[name]
        assert answer["id"] == "one"
        assert answer["probability"] == pytest.approx(probabilities.tolist())
        labels = ["benign"] * 2 if name == "parameters" else ["benign", "malignant"]
        assert answer["label"] == labels
    live, ready, answer = results["v1"]
    assert (live, ready) == (True, True)
    predicted = [each["probability"] for each in answer["predictions"]]
    assert predicted == pytest.approx(probabilities.tolist())
    assert "instances.0 must have 9 values" in results["v1 error"]
    assert results["parameters"]["parameters"]["threshold"] == 1
    assert "Input input, row 1: clump_thickness must be an integer from 1 to 10" in results["error"]
