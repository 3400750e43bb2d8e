"""The view Live: figures of the store, drift, and truth that is entered on the page."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.calculator import Calculator, random_row
from support.page_checks import WIDTHS, check_themes, page_with_axe, too_wide
from support.service_process import Service, running_service
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

Watch = Callable[..., WatchedContext]
ROWS = 120


@pytest.fixture(scope="module")
def service(
    artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("live")
    store = f"sqlite:///{folder / 'store.db'}"
    settings = {"store": store, "store_keeps": "predictions"}
    with running_service(artifacts["wisconsin"], folder / "log.txt", **settings) as service:
        yield service


@pytest.fixture
def page(watch: Watch, service: Service) -> Page:
    return watch(service.url, ("status of 422",)).context.new_page()


def send(service: Service, count: int) -> list[str]:
    """Send rows that are all of one value, and return the ids of the answers."""
    ids = []
    for place in range(count):
        answer = httpx.post(f"{service.url}/predict", json={"instances": [[place % 10 + 1] * 9]})
        ids.append(answer.json()["id"])
    return ids


def live(service: Service, rows: int, model: str = "wisconsin") -> dict[str, object]:
    """Return the live figures, once the store has so many rows."""
    for _ in range(100):
        figures: dict[str, object] = httpx.get(f"{service.url}/models/{model}/live").json()
        if figures["rows"] == rows:
            return figures
    raise AssertionError(figures["rows"])


def test_figures_are_those_of_the_store(page: Page, service: Service) -> None:
    identity, *_ = send(service, ROWS)
    figures = live(service, ROWS)
    page.goto(f"{service.url}/#/live/wisconsin")
    main = page.get_by_role("main")
    expect(main).to_contain_text(f"predicted rows{ROWS}")
    labels = figures["labels"]
    assert isinstance(labels, dict)
    for label, rows in labels.items():
        expect(main).to_contain_text(f"{label}{100 * rows / ROWS:.1f}\u202f%{rows}")
    drifted = [each["name"] for each in figures["features"] if each["drifted"]]  # type: ignore[attr-defined]
    table = page.get_by_role("region", name="Drift of the features")
    expect(table.get_by_text("drifted", exact=True)).to_have_count(len(drifted))
    assert drifted

    page.get_by_label("Id of the answer").fill(identity)
    page.get_by_role("combobox", name="Truth").select_option("benign")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_text("Recorded.")).to_be_visible()
    expect(main).to_contain_text(f"The truth of 1 of {ROWS} rows has arrived")
    page.get_by_label("Id of the answer").fill("no-such-id")
    page.get_by_role("button", name="Record").click()
    expect(main.get_by_role("status").filter(has_text="id")).to_be_visible()


def test_the_answer_shows_its_id(page: Page, service: Service, generator: random.Random) -> None:
    opened = Calculator(page, service.url, "wisconsin")
    opened.open()
    opened.paste(random_row(opened.features, generator))
    shown = page.get_by_test_id("answer-id")
    expect(shown).to_be_visible()
    identity = shown.inner_text()
    truth = {"id": identity, "truth": "malignant"}
    assert httpx.post(f"{service.url}/feedback", json=truth).status_code == 200


def test_classes_have_an_expected_matrix(
    watch: Watch, artifacts: dict[str, Path], tmp_path: Path, generator: random.Random
) -> None:
    settings = {"store": f"sqlite:///{tmp_path / 'store.db'}", "store_keeps": "predictions"}
    with running_service(artifacts["classes"], tmp_path / "log.txt", **settings) as service:
        features = httpx.get(f"{service.url}/model").json()["schema"]["features"]
        rows = [random_row(features, generator) for _ in range(50)]
        answer = httpx.post(f"{service.url}/predict", json={"instances": rows}).json()
        truth = {"id": f"{answer['id']}.0", "truth": "low"}
        assert httpx.post(f"{service.url}/feedback", json=truth).status_code == 200
        expected: Any = live(service, 50, "classes")["expected"]
        assert expected["rows"] == 50
        matrix = expected["confusion_matrix"]
        for number, name in enumerate(("low", 'middle "b"', "high")):
            predicted = [each for each in answer["predictions"] if each["label"] == name]
            total = sum(each["probabilities"][name] for each in predicted)
            assert matrix[number][number] == pytest.approx(total, abs=0.05)
        page = watch(service.url).context.new_page()
        page.goto(f"{service.url}/#/live/classes")
        shown = page.get_by_role("region", name="Expected confusion matrix")
        cell = shown.get_by_role("row").nth(1).get_by_role("cell").first
        assert float(cell.inner_text()) == pytest.approx(matrix[0][0], abs=0.5)
        share = expected["classes"]["high"]["sensitivity"]
        by_class = page.get_by_role("region", name="Figures by class").get_by_role("row").last
        expect(by_class).to_contain_text(f"{100 * share:.1f}\u202f%")
        expect(page.get_by_role("region", name="Confusion matrix from the truth")).to_be_visible()


def test_live_figures_are_accessible_and_fit_every_screen(watch: Watch, service: Service) -> None:
    send(service, 3)
    page = page_with_axe(watch, service.url)
    check_themes(page, f"{service.url}/#/live/wisconsin")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert too_wide(page) == [], width


def test_without_a_store_there_is_no_such_view(watch: Watch, url: str) -> None:
    other = watch(url).context.new_page()
    other.goto(url)
    expect(other.get_by_role("link", name="Model", exact=True)).to_be_visible()
    expect(other.get_by_role("link", name="Live", exact=True)).to_have_count(0)
