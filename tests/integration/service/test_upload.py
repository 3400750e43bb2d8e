"""Uploads of a file by curl and requests."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

TABLE = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses\n"
) + "5,1,1,1,2,1,3,1,1\n" * 30_000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl(service_port: int, table: Path) -> None:
    command = ["curl", "--silent", "--fail", f"http://127.0.0.1:{service_port}/predict"]
    upload = subprocess.run([*command, "-F", f"file=@{table}"], capture_output=True, check=True)
    plain = subprocess.run(
        [*command, "-H", "Content-Type: text/csv", "--data-binary", f"@{table}"],
        capture_output=True,
        check=True,
    )
    assert upload.stdout == plain.stdout
    assert upload.stdout.count(b"\n") == 30_001


def test_requests(service_port: int, table: Path) -> None:
    requests = pytest.importorskip("requests", reason="requests is not installed")
    url = f"http://127.0.0.1:{service_port}/predict"
    with table.open("rb") as file:
        answer = requests.post(url, files={"file": file}, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert len(answer.json()["predictions"]) == 30_000
