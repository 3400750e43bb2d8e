"""schemathesis on the document of a running service: no 5xx, no undocumented response.

SCHEMATHESIS_EXAMPLES is the number of examples per operation, SCHEMATHESIS_SEED the seed.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

if importlib.util.find_spec("schemathesis") is None:
    pytest.skip("schemathesis is not installed: make oracles", allow_module_level=True)

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "30")
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")
# JSON Schema cannot express that a tensor's data fit its shape, that the data of a frame fit its
# columns or that CSV lines are valid, so not every body that matches is answered with 200.
# They must fit the body, or the Accept header.
DEPENDENT = ("Content-Encoding", "Inference-Header-Content-Length", "name[]")
LOOSE = """
[[operations]]
include-path-regex = "^(/v2/.*/infer|/v1/.*:predict|/invocations)$"
checks.positive_data_acceptance.enabled = false
"""


def run(document: dict[str, Any], port: int, folder: Path, *arguments: str) -> None:
    path = folder / "openapi.json"
    path.write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(LOOSE)
    command = [sys.executable, "-m", "schemathesis.cli"]
    command += ["--config-file", str(folder / "schemathesis.toml"), "run", str(path)]
    command += ["--url", f"http://127.0.0.1:{port}", "--max-examples", EXAMPLES, "--seed", SEED]
    command += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def fetch_document(port: int) -> dict[str, Any]:
    answer = httpx.get(f"http://127.0.0.1:{port}/openapi.json")
    assert answer.status_code == 200
    document = dict(answer.json())
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [
                each for each in operation["parameters"] if each["name"] not in DEPENDENT
            ]
    return document


@pytest.mark.timeout(3600)
def test_json_passes_every_check(wisconsin_port: int, tmp_path: Path) -> None:
    document = fetch_document(wisconsin_port)
    bodies = [
        operation["requestBody"]["content"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "requestBody" in operation
    ]
    assert any("text/csv" in content for content in bodies)
    for content in bodies:
        for media_type in set(content) - {"application/json"}:
            del content[media_type]
    run(document, wisconsin_port, tmp_path)


@pytest.mark.timeout(3600)
def test_tables_pass_every_check_but_one(wisconsin_port: int, tmp_path: Path) -> None:
    document = fetch_document(wisconsin_port)
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            if len(content) > 1:
                del content["application/json"]
            # Schemathesis cannot send NDJSON; tests/unit/service/openapi sends its examples.
            content.get("application/x-ndjson", {}).pop("examples", None)
    document["paths"] = {
        path: methods
        for path, methods in document["paths"].items()
        if path.endswith(("/predict", "/invocations"))
    }
    only = ("--checks", "all", "--exclude-checks", "positive_data_acceptance")
    run(document, wisconsin_port, tmp_path, *only)
