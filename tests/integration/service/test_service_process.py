"""`python -m service` as a process: start, responses, stop, and startup errors."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.eventually import until
from support.paths import ROOT
from support.service_process import Service

SECONDS = 30


def environment(**settings: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALIGNANCY_")}
    ours = {f"MALIGNANCY_{name.upper()}": value for name, value in settings.items()}
    return clean | {"MALIGNANCY_PORT": "0"} | ours


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture
def service(artifact_path: Path, tmp_path: Path) -> Iterator[Service]:
    with Service(artifact_path, tmp_path / "log.txt") as service:
        service.until_listening()
        yield service


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_the_service_answers_until_a_signal(service: Service, by: signal.Signals) -> None:
    with httpx.Client(base_url=service.url) as client:  # with a persistent connection
        answer = client.get("/health/ready")
        assert answer.status_code == 200
        assert answer.json()["status"] == "ready"
        assert "server" not in answer.headers
        assert answer.headers["x-request-id"]
        head = client.head("/health")
        assert (head.status_code, head.content) == (200, b"")
        assert client.get("/nothing").json()["instance"]
        assert client.post("/predict", content=b"{").status_code == 400
        service.send_signal(by)
        assert service.end() == 0
    assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_startup(tmp_path: Path, by: signal.Signals) -> None:
    # Process 1 of a container ignores SIGTERM without a handler. Here importing uvicorn is slow.
    (tmp_path / "uvicorn.py").write_text(
        "print('importing', flush=True)\nimport time\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        process.send_signal(signal.SIGHUP)  # ignored
        process.send_signal(by)
        assert process.wait(timeout=SECONDS) == 0


def test_a_large_chunked_body_is_rejected(service: Service) -> None:
    with httpx.Client(base_url=service.url) as client:
        answer = client.post("/predict", content=(b" " * 1_000_000 for _ in range(17)))
        assert answer.status_code == 413
        assert client.get("/health").status_code == 200


def test_the_error_without_an_artifact_names_the_command(tmp_path: Path) -> None:
    ended = run(artifact=str(tmp_path / "none.joblib"))
    assert ended.returncode == 2
    assert "none.joblib: there is no such file" in ended.stderr
    assert "python -m model train" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("port", "eighty"), ("max_rows", "0"), ("threshold", "1.5")]
)
def test_the_error_of_a_wrong_setting_names_it(name: str, value: str, artifact_path: Path) -> None:
    ended = run(**{"artifact": str(artifact_path), name: value})
    assert ended.returncode == 2
    assert f"MALIGNANCY_{name.upper()} (--{name.replace('_', '-')}) must be" in ended.stderr
    assert value not in ended.stderr.replace("from 0 to 1", "")
    assert "Traceback" not in ended.stderr


def test_help_and_unknown_flags() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    assert "--max-body-bytes" in shown.stdout
    assert run("--nope").returncode == 2


def test_a_port_in_use(artifact_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(artifact=str(artifact_path), port=str(port))
    assert ended.returncode == 3
    assert f"Port {port} on 127.0.0.1 is in use: " in ended.stderr
    assert "startup complete" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_start_imports_no_pandas_matplotlib_training_or_pydantic_v1(artifact_path: Path) -> None:
    program = (
        "import sys; from service.app import create_app; from service.settings import Settings; "
        f"create_app(Settings(artifact={str(artifact_path)!r})); "
        "print([name for name in sys.modules if name.split('.')[0] in ('pandas', 'matplotlib') "
        "or name.startswith(('model.training', 'model.evaluation', 'pydantic.v1'))])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux" or os.cpu_count() == 1, reason="counts in /proc")
@pytest.mark.parametrize(("variables", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_a_service_uses_one_blas_thread_unless_the_environment_sets_more(
    variables: dict[str, str], threads: int
) -> None:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    program = (
        "import os, runpy, sys\n"
        "sys.argv = ['service', '--help']\n"
        "try:\n    runpy.run_module('service', run_name='__main__')\n"
        "finally:\n    print(len(os.listdir('/proc/self/task')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == str(threads)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_starts_without_standard_descriptors(artifact_path: Path, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = f"--port {port} --artifact '{artifact_path}' --workers {workers}"
    command = f"exec {sys.executable} -m service {flags} <&- >&- 2>&-"
    process = subprocess.Popen(["sh", "-c", command], cwd=ROOT)
    try:

        def is_live() -> bool:
            assert process.poll() is None
            try:
                return httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
            except httpx.TransportError:
                return False

        until(is_live)
        process.terminate()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
