"""axe finds no serious fault in any view, in both themes, on phones and desktops."""

from collections.abc import Callable
from typing import Any

import pytest
from support.paths import ROOT
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page

AXE = ROOT / "page/node_modules/axe-core/axe.min.js"
VIEWS = ("calculator", "performance", "model", "batch")
WIDTHS = (390, 1280)
RUN = """async () => {
  const options = { resultTypes: ['violations'], elementRef: false }
  const { violations } = await axe.run(document, options)
  return violations
}"""
SERIOUS = ("serious", "critical")


@pytest.fixture
def axe_page(watch: Callable[..., WatchedContext], url: str) -> Page:
    """A page into which axe is loaded, which the policy of the page forbids otherwise."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm ci in page/")
    context = watch(url, bypass_csp=True).context
    context.add_init_script(path=AXE)
    return context.new_page()


def violations(page: Page) -> list[str]:
    found: list[dict[str, Any]] = page.evaluate(RUN)
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:150] for node in each['nodes'][:4]]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def settle(page: Page) -> None:
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("networkidle")


CASES = [(view, theme) for view in VIEWS for theme in ("light", "dark")]


@pytest.mark.parametrize(("view", "theme"), CASES)
def test_no_serious_fault(view: str, theme: str, axe_page: Page, url: str) -> None:
    axe_page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for width in WIDTHS:
        axe_page.set_viewport_size({"width": width, "height": 900})
        axe_page.goto(f"{url}/#/{view}/wisconsin")
        settle(axe_page)
        assert violations(axe_page) == [], width


@pytest.mark.parametrize("model", ["heart", "classes", "labels", "visits", "hostile"])
def test_no_serious_fault_in_other_tasks(model: str, axe_page: Page, url: str) -> None:
    for view in ("calculator", "performance"):
        axe_page.goto(f"{url}/#/{view}/{model}")
        settle(axe_page)
        assert violations(axe_page) == [], view
