"""axe finds no serious fault in any view, in both themes, on phones and desktops."""

from collections.abc import Callable

import pytest
from support.page_checks import check_themes, page_with_axe, serious_faults, settle
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")

Watch = Callable[..., WatchedContext]


@pytest.mark.parametrize("view", ["calculator", "performance", "model", "batch"])
def test_no_serious_fault(view: str, watch: Watch, url: str) -> None:
    check_themes(page_with_axe(watch, url), f"{url}/#/{view}/wisconsin")


@pytest.mark.parametrize("model", ["heart", "classes", "labels", "visits", "hostile"])
def test_no_serious_fault_in_other_tasks(model: str, watch: Watch, url: str) -> None:
    page = page_with_axe(watch, url)
    for view in ("calculator", "performance"):
        page.goto(f"{url}/#/{view}/{model}")
        settle(page)
        assert serious_faults(page) == [], view
