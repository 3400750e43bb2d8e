"""The page below a path prefix, without JavaScript, without the page, and by deep links."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.calculator import Calculator
from support.nginx import running_nginx
from support.service_process import running_service
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

Watch = Callable[..., WatchedContext]


@pytest.mark.parametrize("path", ["", "/"], ids=["keeps the prefix", "removes the prefix"])
def test_behind_a_proxy_with_a_path_prefix(
    path: str, watch: Watch, artifacts: dict[str, Path], tmp_path: Path
) -> None:
    with (
        running_service(artifacts["heart"], tmp_path / "log.txt", root_path="/risk") as service,
        running_nginx(service.port, tmp_path, "/risk/", path) as port,
    ):
        origin = f"http://127.0.0.1:{port}"
        watched = watch(origin)
        page = watched.context.new_page()
        opened = Calculator(page, f"{origin}/risk", "heart")
        opened.open()
        opened.expect_prediction(opened.facts["inputs"]["typical"])
        assert all(url.startswith(f"{origin}/risk/") for url in watched.urls)
        page.get_by_role("link", name="Model", exact=True).click()
        page.get_by_role("link", name="Model card").click()
        expect(page.locator("body")).to_contain_text("heart")
        page.go_back()
        page.get_by_role("link", name="Interface for programs").click()
        expect(page.get_by_role("button", name="POST /predict", exact=False).first).to_be_visible()
        assert page.url == f"{origin}/risk/docs"


def test_without_scripts_there_are_links(watch: Watch, url: str) -> None:
    page = watch(url, java_script_enabled=False).context.new_page()
    for name, text in [("model card", "wisconsin"), ("OpenAPI document", '"openapi"')]:
        page.goto(url)
        page.get_by_role("link", name=name).click()
        expect(page.locator("body")).to_contain_text(text)
    page.goto(url)
    link = page.get_by_role("link", name="documentation of the interface")
    assert link.evaluate("link => link.href") == f"{url}/docs"


def test_the_page_can_be_turned_off(
    watch: Watch, artifacts: dict[str, Path], tmp_path: Path
) -> None:
    with running_service(artifacts["heart"], tmp_path / "log.txt", page="false") as service:
        page = watch(service.url).context.new_page()
        answer = page.goto(service.url)
        assert answer is not None
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["model"].startswith("heart@")


def test_views_and_models_have_addresses(page: Page, url: str) -> None:
    page.goto(f"{url}/#/performance/classes")
    current = page.get_by_role("navigation").get_by_role("link")
    expect(current.nth(1)).to_have_attribute("aria-current", "page")
    page.get_by_role("combobox", name="Model").select_option("dose")
    expect(page).to_have_url(f"{url}/#/performance/dose")
    expect(page).to_have_title("dose – performance")
    page.get_by_role("link", name="Batch", exact=True).click()
    expect(page).to_have_url(f"{url}/#/batch/dose")
    page.go_back()
    page.go_back()
    expect(page).to_have_url(f"{url}/#/performance/classes")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("classes")
    page.goto(f"{url}/#/%E0%A4%A/%")  # not a view, and not UTF-8
    expect(page.get_by_role("region", name="Answer")).to_be_visible()
