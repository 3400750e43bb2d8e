"""No view of any model is wider than the screen."""

from pathlib import Path

import pytest
from support.page_checks import WIDTHS, settle, too_wide
from support.page_models import TABLES

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page

VIEWS = ("calculator", "performance", "model", "batch")
MODELS = ("wisconsin", *(table.name for table in TABLES))
# The inputs of the calculator depend on the model; the other views, on its names and its task.
OTHERS = ("wisconsin", "hostile", "classes")
CASES = [(view, each) for view in VIEWS for each in (MODELS if view == VIEWS[0] else OTHERS)]


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Path | None:
    """Return the folder for pictures, None unless they are kept."""
    folder: Path | None = request.config.getoption("--screenshots", default=None)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize(("view", "model"), CASES)
def test_nothing_is_wider_than_the_screen(
    view: str, model: str, page: Page, url: str, pictures: Path | None
) -> None:
    page.goto(f"{url}/#/{view}/{model}")
    settle(page)
    wide = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if pictures is not None:
            page.screenshot(path=pictures / f"{model}-{view}-{width}.png", full_page=True)
        wide[width] = too_wide(page)
    assert not any(wide.values()), [f"{width}: {found}" for width, found in wide.items()]
