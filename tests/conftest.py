"""Shared fixtures: trained models, their artifacts, and running services."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import hypothesis
import pytest
import typer.main
from fastapi import FastAPI
from support.postgres_server import PostgresServer, missing_postgres
from support.random_model import TARGETS, random_model
from support.service_process import running_service

from model.artifacts import artifact
from model.pipelines.train import Trained, train
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import load_recipe
from service.app import create_app
from service.settings import Settings

# pytest-xdist sets COLUMNS for its workers; a test sets the width of the command line itself.
os.environ.pop("COLUMNS", None)

# httpx looks for this module with each request, and searches all folders where it is not installed.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# Build the commands of the offline program once, not for each call of `program`.
typer.main.get_command = cache(typer.main.get_command)

# A shell starts background jobs with Ctrl-C ignored, which the processes of tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Each run draws other examples; `make stress` draws more. No deadlines: any example may be slow on
# a busy machine.
hypothesis.settings.register_profile("usual", deadline=None, max_examples=30)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("usual")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Record a measurement of a test; the end of the run lists all of them, for SECURITY.md."""
    return partial(record_property, "figures")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    measurements = [
        f"{report.nodeid}: {figure}"
        for report in terminalreporter.getreports("passed")
        for name, figure in report.user_properties
        if name == "figures"
    ]
    if measurements:
        terminalreporter.section("figures")
        for line in measurements:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@cache
def article() -> Trained:
    """Train the article's recipe once per process; mutmut runs many sessions in one process."""
    return train(load_recipe("article"))


@pytest.fixture(scope="session")
def trained() -> Trained:
    return article()


@pytest.fixture(scope="session")
def artifact_path(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifacts") / "article.joblib"
    artifact.save(trained.predictor, path)
    return path


@pytest.fixture(scope="session")
def predictor(artifact_path: Path) -> Predictor:
    return artifact.load(artifact_path)


@pytest.fixture(scope="module")
def app(predictor: Predictor) -> FastAPI:
    return create_app(Settings(), predictor)


@pytest.fixture
def fresh_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make metrics and other snapshots for each request."""
    monkeypatch.setattr("service.routes.snapshot.FRESH_SECONDS", 0.0)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def kinds_client(kinds: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), kinds))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def small_client(predictor: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(max_body_bytes=100_000), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@contextmanager
def service_process(artifact_path: Path, **settings: object) -> Iterator[tuple[int, int]]:
    """Run `python -m service` on a free port of the loopback interface within the context.

    Args:
        artifact_path: The artifact to serve.
        settings: Settings by name, in lower case and without the prefix.

    Yields:
        The port and the process id.
    """
    with (
        TemporaryDirectory() as folder,
        running_service(artifact_path, Path(folder, "log.txt"), **settings) as service,
    ):
        yield service.port, service.pid


@pytest.fixture(scope="session")
def start_service() -> Callable[..., AbstractContextManager[tuple[int, int]]]:
    """Return `service_process`."""
    return service_process


@contextmanager
def serving(artifact_path: Path, **settings: object) -> Iterator[int]:
    """Run a service as `service_process` does, and yield only its port."""
    with service_process(artifact_path, **settings) as (port, _):
        yield port


@pytest.fixture(scope="session")
def serve_with(artifact_path: Path) -> Callable[..., AbstractContextManager[int]]:
    """Return a function that serves the article's model with the given settings."""
    return partial(serving, artifact_path)


@pytest.fixture(scope="session")
def service_port(artifact_path: Path) -> Iterator[int]:
    with serving(artifact_path) as port:
        yield port


@pytest.fixture(scope="session")
def wisconsin_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the default recipe and return its artifact."""
    path = tmp_path_factory.mktemp("artifacts") / "wisconsin.joblib"
    artifact.save(train(load_recipe("wisconsin")).predictor, path)
    return path


@pytest.fixture(scope="session")
def wisconsin(wisconsin_path: Path) -> Predictor:
    return artifact.load(wisconsin_path)


@pytest.fixture(scope="session")
def wisconsin_port(wisconsin_path: Path) -> Iterator[int]:
    with serving(wisconsin_path) as port:
        yield port


@pytest.fixture(scope="session", params=list(TARGETS))
def kinds(request: pytest.FixtureRequest) -> Predictor:
    """Return a model with random weights and a feature of every type, one for each task."""
    return random_model(request.param)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of this session; skip where its programs or psycopg are missing."""
    if reason := missing_postgres():
        pytest.skip(reason)
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a new and empty database of each dialect."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw 40 bootstrap samples instead of 1000, which take most of a short training's time."""
    monkeypatch.setattr("model.evaluation.intervals.DRAWS", 40)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures and the report of `train`, which take seconds."""
    monkeypatch.setattr("model.cli.train._draw", lambda *_: None)


@dataclass
class Program:
    """Runs `python -m model` in this process; returns the exit code, stdout and stderr."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["model", *map(str, arguments)])
        self.monkeypatch.setenv("COLUMNS", "100")
        from model.cli import main  # after COLUMNS is set

        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = self.capsys.readouterr()
        return int(exit_.value.code or 0), out, err


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(monkeypatch, capsys)
