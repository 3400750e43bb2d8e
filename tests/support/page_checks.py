"""Checks of every view: axe finds no serious fault, and nothing is wider than the screen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from support.paths import ROOT
from support.watched_page import WatchedContext

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = ROOT / "page/node_modules/axe-core/axe.min.js"
WIDTHS = (320, 390, 768, 1280)
AXE_WIDTHS = (390, 1280)
COLOURS = ("cat.color",)  # axe's tag of the rules that depend on the theme
SERIOUS = ("serious", "critical")
RUN = """async (tags) => {
  const options = { resultTypes: ['violations'], elementRef: false }
  if (tags.length) options.runOnly = { type: 'tag', values: tags }
  const { violations } = await axe.run(document, options)
  return violations
}"""
# What is wider than the screen, without what scrolls inside of it.
OVERFLOW = """() => {
  const root = document.documentElement
  if (root.scrollWidth <= root.clientWidth) return []
  const isWide = (each) => each.getBoundingClientRect().right > root.clientWidth + 1
  const wide = [...document.querySelectorAll('main *, header *, footer *')].filter(
    (each) => isWide(each) && !each.closest('.scrolled'),
  )
  return [root.scrollWidth, ...wide.slice(0, 5).map((each) => each.outerHTML.slice(0, 120))]
}"""


def settle(page: "Page") -> None:
    """Wait until a view is complete."""
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("networkidle")


def page_with_axe(watch: Callable[..., WatchedContext], url: str) -> "Page":
    """Return a page into which axe is loaded, which the policy of the page forbids otherwise."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm ci in page/")
    context = watch(url, bypass_csp=True).context
    context.add_init_script(path=AXE)
    return context.new_page()


def serious_faults(page: "Page", tags: tuple[str, ...] = ()) -> list[str]:
    """Return the serious faults that axe finds.

    Args:
        page: A page with axe.
        tags: Tags of the rules to apply; all rules without any.
    """
    found: list[dict[str, Any]] = page.evaluate(RUN, list(tags))
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:150] for node in each['nodes'][:4]]}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def check_themes(page: "Page", address: str) -> None:
    """Fail if axe finds a serious fault in a view, at any width or in any theme.

    Args:
        page: A page with axe.
        address: Address of the view.
    """
    for theme, tags in (("light", ()), ("dark", COLOURS)):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        for width in AXE_WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(address)
            settle(page)
            assert serious_faults(page, tags) == [], (theme, width)


def too_wide(page: "Page") -> list[object]:
    """Return the width of a page that is wider than the screen, and what makes it so."""
    found: list[object] = page.evaluate(OVERFLOW)
    return found
