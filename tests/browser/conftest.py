"""Chromium, services of models of every task, and pages that are watched for errors.

Every test in this folder has the marker `browser`.
"""

import fcntl
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.calculator import Calculator
from support.page_models import TABLES, train_table
from support.service_process import running_service
from support.watched_page import SECONDS, WatchedContext

from model.artifacts import artifact
from model.pipelines.train import train
from model.training.recipes.recipe import load_recipe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MODELS = ("wisconsin", *(table.name for table in TABLES))
Open = Callable[..., "Page"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", type=Path, metavar="FOLDER", help="keep the pictures of the page there"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the folder for pictures."""
    folder: Path = request.config.getoption("--screenshots", default=None) or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Train all models once for all workers of pytest-xdist, and return their artifacts."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "page_models"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            artifact.save(train(load_recipe("wisconsin")).predictor, folder / "wisconsin.joblib")
            for table in TABLES:
                train_table(table, folder)
            (folder / "done").touch()
    return {name: folder / f"{name}.joblib" for name in MODELS}


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Start Debian's Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1000 * SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def url(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a service of all models."""
    first, *others = artifacts.values()
    log = tmp_path_factory.mktemp("service") / "log.txt"
    with running_service(first, log, extra_artifacts=",".join(map(str, others))) as service:
        yield service.url


@pytest.fixture
def watch(browser: "Browser") -> Iterator[Callable[..., WatchedContext]]:
    """Return a function that creates watched contexts; at the end of the test, all are checked."""
    watched: list[WatchedContext] = []

    def create(origin: str, allowed: tuple[str, ...] = (), **options: Any) -> WatchedContext:
        watched.append(WatchedContext(browser.new_context(**options), origin, allowed))
        return watched[-1]

    yield create
    for each in watched:
        each.context.close()
    for each in watched:
        each.check()


@pytest.fixture
def page(watch: Callable[..., WatchedContext], url: str) -> "Page":
    return watch(url).context.new_page()


@pytest.fixture
def calculator(page: "Page", url: str) -> Callable[[str], Calculator]:
    """Return a function that opens the calculator of a model."""

    def open_model(model: str) -> Calculator:
        calculator = Calculator(page, url, model)
        calculator.open()
        return calculator

    return open_model


@pytest.fixture
def generator() -> random.Random:
    return random.Random(0)
