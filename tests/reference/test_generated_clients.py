"""Clients that openapi-python-client, openapi-generator and openapi-typescript generate predict.

`make clients` installs the generators into a separate environment, since they need other versions
of packages. Where they are missing, the tests are skipped.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-openapi" / "bin"
SEARCHED = os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")])
GENERATOR = shutil.which("openapi-python-client", path=SEARCHED)
OPENAPI_GENERATOR = shutil.which("openapi-generator-cli", path=SEARCHED)  # of PyPI, with the jar
NODE_MODULES = (
    next(
        (
            folder
            for folder in (ROOT / ".venv-openapi" / "node_modules", ROOT / "node_modules")
            if (folder / ".bin" / "openapi-typescript").exists()
        ),
        ROOT / "node_modules",
    )
    / ".bin"
)
ROW = {
    "clump_thickness": 5, "uniformity_of_cell_size": 1, "uniformity_of_cell_shape": 1,
    "marginal_adhesion": 1, "single_epithelial_cell_size": 2, "bare_nuclei": None,
    "bland_chromatin": 3, "normal_nucleoli": 1, "mitoses": 1,
}  # fmt: skip
OPERATIONS = {
    "health", "invocations", "metrics", "model", "predict", "predict_by_name", "v1_model_predict",
    "v2_model_infer",
}  # fmt: skip

# The program that uses the client for Python. Its arguments: the service's address, and a row.
PYTHON = """
import json, sys
from client import Client, models
from client.api.health import health
from client.api.model import model
from client.api.predict import predict
from client.api.open_inference_protocol import v2_model_infer

client, row = Client(base_url=sys.argv[1]), json.loads(sys.argv[2])
one = predict.sync(client=client, body=models.Instance(**row), threshold=0.7)
instances = models.Instances(instances=[models.Instance(**row)] * 2)
many = predict.sync(client=client, body=instances)
wrong = predict.sync(client=client, body=models.Instance(**{**row, "mitoses": 11}))
named = model.sync(client=client).name
tensor = models.V2InferRequestInputsItem(
    name="input",
    datatype=models.V2InferRequestInputsItemDatatype.FP64,
    shape=[1, len(row)],
    data=list(row.values()),
)
infer = v2_model_infer.sync(named, client=client, body=models.V2InferRequest(inputs=[tensor]))
print(json.dumps({
    "health": health.sync(client=client).status,
    "one": one.to_dict(),
    "many": many.to_dict(),
    "rule": wrong.errors[0].rule,
    "infer": infer.outputs[0].data,
}))
"""

# The program that uses the client of openapi-generator.
PYDANTIC = """
import json, sys
from client import ApiClient, ApiException, Configuration, Instance, Instances, InstancesInstances
from client import HealthApi, ModelApi, PredictApi, PredictRequest

configuration, row = Configuration(host=sys.argv[1]), json.loads(sys.argv[2])
with ApiClient(configuration) as api:
    predict = PredictApi(api).predict
    one = predict(PredictRequest(Instance(**row)), threshold=0.7).actual_instance
    instances = Instances(instances=InstancesInstances([Instance(**row)] * 2))
    many = predict(PredictRequest(instances)).actual_instance
    try:
        predict(PredictRequest(Instance.model_construct(**{**row, "mitoses": 11})))
    except ApiException as error:
        rule = json.loads(error.body)["errors"][0]["rule"]
    print(json.dumps({
        "health": HealthApi(api).health().status,
        "name": ModelApi(api).model().name,
        "one": one.to_dict(),
        "many": many.to_dict(),
        "rule": rule,
    }))
"""

# The program that is compiled with the types for TypeScript.
TYPESCRIPT = """
import type { components, operations } from "./client";

type Bodies = operations["predict"]["requestBody"]["content"]["application/json"];
type Answers = operations["predict"]["responses"][200]["content"]["application/json"];

const row: components["schemas"]["Instance"] = ROW;
const bodies: Bodies[] = [row, { instances: [row] }];
// @ts-expect-error a text is no number
const wrong: Bodies = { ...row, mitoses: "1" };

export async function main(address: string): Promise<string> {
  const probabilities: number[] = [];
  for (const body of bodies) {
    const answer = await fetch(`${address}/predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const found = (await answer.json()) as Answers;
    const predictions = "predictions" in found ? found.predictions : [found];
    for (const each of predictions) {
      if ("probability" in each) probabilities.push(each.probability as number);
    }
  }
  return JSON.stringify(probabilities);
}
"""


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


@pytest.fixture
def document(wisconsin_port: int, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(httpx.get(f"http://127.0.0.1:{wisconsin_port}/openapi.json").content)
    return path


@pytest.fixture
def answer(wisconsin_port: int) -> dict[str, Any]:
    return dict(httpx.post(f"http://127.0.0.1:{wisconsin_port}/predict", json=ROW).json())


@pytest.mark.skipif(
    GENERATOR is None, reason="openapi-python-client is not installed: make clients"
)
def test_a_python_client_predicts(
    document: Path, answer: dict[str, Any], wisconsin_port: int
) -> None:
    folder = document.parent
    config = folder / "config.json"
    config.write_text(json.dumps({"post_hooks": [], "package_name_override": "client"}))
    assert GENERATOR is not None
    run(
        GENERATOR, "generate", "--path", document, "--config", config, "--meta", "none",
        "--output-path", folder / "client", folder=folder,
    )  # fmt: skip
    assert {path.stem for path in folder.glob("client/api/*/*.py")} >= OPERATIONS
    address = f"http://127.0.0.1:{wisconsin_port}"
    found = json.loads(run(sys.executable, "-c", PYTHON, address, json.dumps(ROW), folder=folder))
    assert found["health"] == "ready"
    assert found["one"] == answer | {"threshold": 0.7}
    assert [each["probability"] for each in found["many"]["predictions"]] == (
        [answer["probability"]] * 2
    )
    assert found["infer"] == [answer["probability"]]
    assert found["rule"] == "must be an integer from 1 to 10"


@pytest.mark.skipif(
    OPENAPI_GENERATOR is None or shutil.which("java") is None,
    reason="needs Java, and openapi-generator-cli of PyPI: make clients",
)
def test_a_client_of_openapi_generator_predicts(
    document: Path, answer: dict[str, Any], wisconsin_port: int
) -> None:
    folder = document.parent
    assert OPENAPI_GENERATOR is not None
    run(OPENAPI_GENERATOR, "validate", "-i", document, folder=folder)
    run(
        OPENAPI_GENERATOR, "generate", "-i", document, "-g", "python", "--package-name", "client",
        "-o", folder, folder=folder,
    )  # fmt: skip
    python = Path(OPENAPI_GENERATOR).parent / "python"  # has urllib3, which the client needs
    address = f"http://127.0.0.1:{wisconsin_port}"
    found = json.loads(run(python, "-c", PYDANTIC, address, json.dumps(ROW), folder=folder))
    assert (found["health"], found["name"]) == ("ready", "wisconsin")
    assert found["one"] == answer | {"threshold": 0.7}
    assert [each["probability"] for each in found["many"]["predictions"]] == (
        [answer["probability"]] * 2
    )
    assert found["rule"] == "must be an integer from 1 to 10"


@pytest.mark.skipif(
    not ((NODE_MODULES / "openapi-typescript").exists() and (NODE_MODULES / "tsc").exists()),
    reason="needs Node.js, and openapi-typescript and typescript of npm: make clients",
)
def test_typescript_types_are_those_of_the_service(
    document: Path, answer: dict[str, Any], wisconsin_port: int
) -> None:
    folder, node = document.parent, shutil.which("node")
    assert node is not None
    run(NODE_MODULES / "openapi-typescript", document, "-o", folder / "client.ts", folder=folder)
    (folder / "main.ts").write_text(TYPESCRIPT.replace("ROW", json.dumps(ROW)))
    options = ("--strict", "--target", "es2022", "--module", "commonjs", "--moduleResolution")
    run(NODE_MODULES / "tsc", *options, "node", "main.ts", folder=folder)
    program = f"require('./main.js').main('http://127.0.0.1:{wisconsin_port}').then(console.log)"
    found = json.loads(run(node, "-e", program, folder=folder))
    assert found == [answer["probability"]] * 2
