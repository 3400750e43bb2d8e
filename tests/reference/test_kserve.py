"""KServe's client of the Open Inference Protocol works unchanged.

It needs other versions than this project's, so it has an environment of its own: make clients.
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

# What it asks, in a process of its own: with one argument, the service's address.
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
    told = {{}}
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        told["live"] = await client.is_server_live(url)
        told["ready"] = await client.is_server_ready(url)
        told["model"] = await client.is_model_ready(url, "wisconsin")
        told["none"] = await client.is_model_ready(url, "none")
        told["json"] = await infer(client, url, ROWS, False)
        told["binary"] = await infer(client, url, ROWS, True)
        told["asked"] = await infer(
            client, url, ROWS, True, parameters={{"threshold": 1, "binary_data_output": True}},
        )
        try:
            await infer(client, url, ROWS + 1, False)
        except httpx.HTTPStatusError as error:
            told["error"] = str(error)
    print(json.dumps(told, default=bytes.decode))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="asks with kserve: make clients")
def test_it_works(wisconsin_port: int, wisconsin: Predictor) -> None:
    address = f"http://127.0.0.1:{wisconsin_port}"
    ran = subprocess.run(
        [PYTHON, "-c", PROGRAM, address], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    assert [told[name] for name in ("live", "ready", "model", "none")] == [True, True, True, False]
    probabilities = wisconsin.predict(np.array(ROWS, dtype=float))[:, 0]
    for name in ("json", "binary", "asked"):
        answer = told[name]
        assert answer["id"] == "one"
        assert answer["probability"] == pytest.approx(probabilities.tolist())
        labels = ["benign"] * 2 if name == "asked" else ["benign", "malignant"]
        assert answer["label"] == labels
    assert told["asked"]["parameters"] == {"threshold": 1}
    assert "Input input, row 1: clump_thickness must be an integer from 1 to 10" in told["error"]
