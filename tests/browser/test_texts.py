"""Names and labels with markup, quotes, CJK and right-to-left letters, and many features."""

import random
from collections.abc import Callable

import pytest
from support.calculator import Calculator, random_row
from support.page_models import HOSTILE, MARKUP, QUOTED, WIDE

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

Open = Callable[[str], Calculator]
NAMES = [str(feature["name"]) for feature in HOSTILE]
CREATED = "() => document.querySelectorAll('main img, main script, main b[onerror]').length"


@pytest.mark.parametrize("view", ["calculator", "performance", "model", "batch"])
def test_names_are_texts(view: str, page: Page, url: str) -> None:
    page.goto(f"{url}/#/{view}/hostile")
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate(CREATED) == 0
    if view in ("calculator", "model"):
        text = page.get_by_role("main").inner_text()
        assert [name for name in NAMES if name not in text] == []
    if view == "performance":
        assert QUOTED[1] in page.get_by_role("main").inner_text()


def test_the_calculator_shows_names_and_values_as_they_are(
    calculator: Open, generator: random.Random
) -> None:
    opened = calculator("hostile")
    for name in NAMES:
        expect(opened.feature(name).locator("legend, label").first).to_contain_text(name)
    description = opened.feature(MARKUP).get_by_text(MARKUP, exact=True)
    expect(description.last).to_be_visible()
    expect(opened.feature(MARKUP)).to_contain_text("<b>mm</b>")
    for category in HOSTILE[-1]["categories"]:
        row = random_row(opened.features, generator) | {NAMES[-1]: category}
        opened.paste(row)
        answer = opened.expect_prediction(row)
        assert answer["label"] in QUOTED
    assert opened.page.evaluate(CREATED) == 0


def test_many_features_are_found_by_name(calculator: Open, generator: random.Random) -> None:
    opened = calculator("wide")
    inputs = opened.page.get_by_role("spinbutton", name="gene")
    expect(inputs).to_have_count(len(WIDE))
    row = random_row(opened.features, generator)
    opened.paste(row)
    opened.expect_prediction(row)
    search = opened.page.get_by_role("searchbox", name=f"Find one of {len(WIDE)} features")
    search.fill("gene 77")
    expect(inputs).to_have_count(1)
    opened.enter("gene 77 expression", 1.5)
    opened.expect_prediction(row | {"gene 77 expression": 1.5})
    search.fill("")
    expect(inputs).to_have_count(len(WIDE))
    expect(inputs.nth(3)).to_have_value(str(row["gene 3 expression"]).removesuffix(".0"))
