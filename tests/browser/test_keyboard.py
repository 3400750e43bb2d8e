"""The calculator is used without a mouse, and the focus is always visible."""

import random
from collections.abc import Callable

import pytest
from support.calculator import Calculator, kind_of, random_row
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

Open = Callable[[str], Calculator]
LONGEST = 120  # key presses

# The element with the focus: its name, and whether it or what stands for it has an outline.
FOCUSED = """() => {
  const element = document.activeElement
  if (element === document.body) return null
  const group = element.getAttribute('type') === 'radio' ? element.name : ''
  const shown = [element, element.nextElementSibling, element.closest('label')]
  const isVisible = shown.some((each) => {
    if (!each) return false
    const { outlineStyle, outlineWidth } = getComputedStyle(each)
    const { width, height } = each.getBoundingClientRect()
    return outlineStyle !== 'none' && parseFloat(outlineWidth) > 0 && width > 4 && height > 4
  })
  const name = group || element.id || element.textContent || element.tagName
  return [`${element.tagName} ${name}`, isVisible]
}"""
# What a keyboard must reach: one radio button for each group.
REACHABLE = """() => {
  const selector = 'a[href], button, input, select, textarea, [tabindex="0"]'
  const groups = new Set()
  return [...document.querySelectorAll(selector)].filter((each) => {
    if (each.disabled || !each.checkVisibility()) return false
    if (each.type !== 'radio') return true
    return groups.has(each.name) ? false : groups.add(each.name)
  }).length
}"""


def tab_through(page: Page) -> list[tuple[str, bool]]:
    """Press Tab until the focus leaves the page, and return what has had it."""
    found: list[tuple[str, bool]] = []
    for _ in range(LONGEST):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            return found
        found.append(tuple(focused))
    raise AssertionError("the focus does not leave the page")


@pytest.mark.parametrize("model", ["wisconsin", "heart", "labels"])
def test_tab_reaches_every_control_and_shows_where_it_is(model: str, calculator: Open) -> None:
    opened = calculator(model)
    opened.page.get_by_role("table", name="Effect of each feature").wait_for()
    found = tab_through(opened.page)
    assert [name for name, is_visible in found if not is_visible] == []
    assert len(found) == opened.page.evaluate(REACHABLE)
    assert len(found) > len(opened.features)


@pytest.mark.parametrize("view", ["performance", "model", "batch"])
def test_the_other_views_are_reached_too(view: str, page: Page, url: str) -> None:
    page.goto(f"{url}/#/{view}/wisconsin")
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("networkidle")
    found = tab_through(page)
    assert [name for name, is_visible in found if not is_visible] == []
    assert len(found) == page.evaluate(REACHABLE)


def test_all_inputs_are_set_with_the_keyboard(
    watch: Callable[..., WatchedContext], url: str, generator: random.Random
) -> None:
    # A number is out of its range until all digits are typed.
    page = watch(url, allowed=("status of 422",)).context.new_page()
    opened = Calculator(page, url, "heart")
    opened.open()
    row = random_row(opened.features, generator)
    row |= {"vessels": 1, "cholesterol": 240.5, "smokes": True, "pain": "none", "exercise": False}
    opened.paste(row)
    opened.expect_prediction(row)
    press = opened.page.keyboard.press
    kinds = {kind_of(feature) for feature in opened.features}
    assert kinds == {"number", "levels", "choice", "search", "switch"}

    opened.feature("vessels").get_by_role("radio", name="1", exact=True).focus()
    press("ArrowRight")
    expect(opened.feature("vessels").get_by_role("radio", name="2", exact=True)).to_be_checked()
    opened.expect_prediction(row | {"vessels": 2})
    press("ArrowLeft")
    press("ArrowLeft")
    row["vessels"] = 0
    opened.expect_prediction(row)

    opened.feature("exercise").get_by_role("switch").focus()
    press("Space")
    row["exercise"] = True
    opened.expect_prediction(row)

    opened.feature("ward").get_by_role("combobox").focus()
    opened.page.keyboard.type("ward 8")  # the text is selected
    row["ward"] = "ward 8"
    opened.expect_prediction(row)

    opened.feature("cholesterol").get_by_role("spinbutton").focus()
    press("Control+a")
    opened.page.keyboard.type("300")
    row["cholesterol"] = 300
    opened.expect_prediction(row)

    opened.feature("pain").get_by_role("radio").first.focus()
    press("ArrowDown")
    row["pain"] = "typical"
    opened.expect_prediction(row)


def test_the_dialog_is_opened_and_closed_with_the_keyboard(calculator: Open) -> None:
    opened = calculator("heart")
    button = opened.page.get_by_role("button", name="Paste a row")
    button.focus()
    opened.page.keyboard.press("Enter")
    dialog = opened.page.get_by_role("dialog", name="Paste a row")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    opened.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
