"""The pod of deploy/kubernetes/deployment.yaml, run by `podman kube play`.

Skipped without podman or without the image: `podman build --tag malignancy .`
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.paths import ROOT

DEPLOYMENT = ROOT / "deploy" / "kubernetes" / "deployment.yaml"
CONTAINER = "malignancy-pod-0-malignancy"
SECONDS = 60
ROW = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
TABLE_ROWS = 200_000  # the response exceeds the memory of the spool
INSIDE = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
try:
    open("/app/written", "w")
    written = True
except OSError:
    written = False
keys = ("CapBnd", "CapEff", "NoNewPrivs", "Seccomp")
found = {key: int(status[key], 16) for key in keys}
print(json.dumps(found | {"user": os.getuid(), "written": written}))
"""


def podman(*arguments: str) -> str:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Start the pod, and yield its address."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    if subprocess.run(["podman", "image", "exists", "malignancy"], check=False).returncode:
        pytest.skip("the image does not exist; build it: podman build --tag malignancy .")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    deployment: dict[str, Any] = yaml.safe_load(DEPLOYMENT.read_text(encoding="utf-8"))
    deployment["spec"]["replicas"] = 1
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["ports"][0] |= {"hostPort": port, "hostIP": "127.0.0.1"}
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(deployment))
    podman("kube", "play", str(file))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        podman("kube", "down", str(file))


def test_the_pod_serves_without_rights_and_stops(url: str, figures: Callable[[str], None]) -> None:
    until = time.monotonic() + SECONDS
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        while True:
            try:
                ready = client.get("/health/ready")
                break
            except httpx.HTTPError:
                assert time.monotonic() < until
                time.sleep(0.1)
        assert ready.status_code == 200
        assert client.post("/predict", json=ROW).status_code == 200
        names = [feature["name"] for feature in client.get("/model").json()["schema"]["features"]]
        table = ",".join(names) + "\n" + "5,1,1,1,2,1,3,1,1\n" * TABLE_ROWS
        headers = {"Content-Type": "text/csv"}
        answer = client.post("/predict", content=table, headers=headers)
        assert answer.text.count("\n") == TABLE_ROWS + 1
        inside = json.loads(podman("exec", CONTAINER, "python", "-c", INSIDE))
        user = yaml.safe_load(DEPLOYMENT.read_text())["spec"]["template"]["spec"]["securityContext"]
        assert inside == {
            "user": user["runAsUser"],
            "written": False,
            "CapBnd": 0,
            "CapEff": 0,
            "NoNewPrivs": 1,
            "Seccomp": 2,
        }
    podman("stop", "--time", "20", CONTAINER)
    assert podman("inspect", CONTAINER, "--format", "{{.State.ExitCode}}") == "0"
    figures(f"user {inside['user']}, no capability, read-only root, {TABLE_ROWS} rows, exit code 0")
