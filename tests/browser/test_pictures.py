"""The pictures of README and docs; `make screenshots` writes them to docs/images."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from support.calculator import Calculator, Row, random_row
from support.service_process import running_service

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

MAX_BYTES = 100_000
DESKTOP = {"width": 1280, "height": 1150}
PHONE = {"width": 390, "height": 844}


def undecided(opened: Calculator) -> Row:
    """Return a row whose label is not certain, and that a few changes decide."""
    generator = random.Random(1)
    for _ in range(1000):
        # Between the typical values and random ones, as the rows of real patients are.
        row: Row = opened.facts["inputs"]["typical"] | {
            name: value
            for name, value in random_row(opened.features, generator).items()
            if generator.random() < 0.5 and value is not None and name != "mitoses"
        }
        url = f"{opened.url}/explain?include=certainty,counterfactuals"
        body = httpx.post(url, json={"instances": [row]}).raise_for_status().json()
        explanation = body["explanations"][0]
        certainty, found = explanation["certainty"], explanation["counterfactuals"]["found"]
        is_between = 0.15 < explanation["probability"] < 0.7
        if is_between and len(certainty["set"]) == 2 and len(found) > 1:
            return row
    raise AssertionError("no undecided row")


@pytest.fixture(scope="module")
def url(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service of one model."""
    log = tmp_path_factory.mktemp("pictures") / "log.txt"
    with running_service(artifacts["wisconsin"], log) as service:
        yield service.url


@pytest.fixture
def opened(page: Page, url: str) -> Calculator:
    """The calculator with an undecided row."""
    page.set_viewport_size(DESKTOP)
    page.emulate_media(reduced_motion="reduce")
    opened = Calculator(page, url, "wisconsin")
    opened.open()
    row = undecided(opened)
    opened.paste(row)
    opened.expect_prediction(row)
    expect(opened.answer.get_by_test_id("undecided")).to_be_visible()
    expect(opened.answer.get_by_test_id("evidence")).to_be_visible()
    page.wait_for_load_state("networkidle")  # the curves
    return opened


def take(page: Page, path: Path) -> None:
    page.evaluate("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot(scale="css"))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    assert 10_000 < path.stat().st_size <= MAX_BYTES, path.name


def test_the_calculator(opened: Calculator, pictures: Path) -> None:
    page = opened.page
    take(page, pictures / "page-calculator.png")
    page.emulate_media(color_scheme="dark")
    take(page, pictures / "page-dark.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    take(page, pictures / "page-phone.png")


def test_the_performance(page: Page, url: str, pictures: Path) -> None:
    page.set_viewport_size(DESKTOP)
    page.goto(f"{url}/#/performance/wisconsin")
    expect(page.get_by_test_id("matrix").first).to_be_visible()
    expect(page.get_by_role("img", name="ROC", exact=False).first).to_be_attached()
    page.wait_for_load_state("networkidle")
    take(page, pictures / "page-performance.png")
