"""The figures on the screen are those of the service's answers, to the last digit shown."""

import random
from collections.abc import Callable

import pytest
from support.calculator import Calculator, random_row, random_value, whole
from support.page_models import TABLES
from support.shown_numbers import number, percent, points, signed

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import expect

Open = Callable[[str], Calculator]
ALL = ("wisconsin", *(table.name for table in TABLES if table.name != "wide"))
WITH_LABELS = ("wisconsin", "heart", "classes", "hostile")


@pytest.mark.parametrize("model", ALL)
def test_every_change_of_an_input_updates_the_prediction(
    model: str, calculator: Open, generator: random.Random
) -> None:
    opened = calculator(model)
    row = random_row(opened.features, generator)
    opened.paste(row)
    for feature in opened.features:
        row[feature["name"]] = random_value(feature, generator)
        opened.enter(feature["name"], row[feature["name"]])
        opened.expect_prediction(row)


@pytest.mark.parametrize("model", ALL)
def test_contributions_are_those_of_the_service(
    model: str, calculator: Open, generator: random.Random
) -> None:
    opened = calculator(model)
    row = random_row(opened.features, generator)
    opened.paste(row)
    opened.expect_prediction(row)
    explanation = opened.post("/explain?include=shapley", row)["explanations"][0]
    table = opened.page.get_by_role("table", name="Effect of each feature")
    table.wait_for()
    shapley = explanation["shapley"]
    if "outputs" in shapley:
        shapley = shapley["outputs"][opened.page.get_by_label("Explain").input_value()]
    is_share = "probability" in shapley
    effects = shapley["probability" if is_share else "value"]
    total = effects["reference"] + sum(effects["values"].values())
    shown = [
        percent(each) if is_share else number(each, 4) for each in (effects["reference"], total)
    ]
    expect(table.get_by_role("row").first.get_by_role("cell").first).to_have_text(shown[0])
    expect(table.get_by_role("row").last.get_by_role("cell").first).to_have_text(shown[1])
    for feature in opened.features:
        effect = effects["values"][feature["name"]]
        text = points(effect) if is_share else signed(effect)
        name = (feature.get("label") or feature["name"]).replace("_", " ")
        heading = opened.page.get_by_role("rowheader").filter(has_text=name)
        line = table.get_by_role("row").filter(has=heading)
        expect(line.get_by_role("cell").first).to_have_text(text)


@pytest.mark.parametrize("model", WITH_LABELS)
def test_certainty_is_that_of_the_service(
    model: str, calculator: Open, generator: random.Random
) -> None:
    opened = calculator(model)
    for _ in range(2):
        row = random_row(opened.features, generator)
        opened.paste(row)
        opened.expect_prediction(row)
        certainty = opened.post("/explain?include=certainty", row)["explanations"][0]["certainty"]
        labels = certainty["set"]
        if len(labels) > 1:
            expect(opened.answer.get_by_test_id("undecided")).to_contain_text(", ".join(labels))
        else:
            expect(opened.answer.get_by_text("is the only possible label")).to_contain_text(
                labels[0]
            )
            expect(opened.answer.get_by_test_id("undecided")).to_have_count(0)


@pytest.mark.parametrize("model", WITH_LABELS)
def test_a_counterfactual_can_be_applied_and_changes_the_label(
    model: str, calculator: Open, generator: random.Random
) -> None:
    opened = calculator(model)
    while True:
        row = random_row(opened.features, generator)
        path = "/explain?include=counterfactuals"
        found = opened.post(path, row)["explanations"][0]["counterfactuals"]["found"]
        if found:
            break
    opened.paste(row)
    before = opened.expect_prediction(row)["label"]
    change = found[0]
    assert change["label"] != before
    button = opened.answer.get_by_title("Enter these values").first
    expect(button).to_contain_text(change["label"])
    button.click()
    after = opened.expect_prediction(row | change["changes"])
    assert after["label"] == change["label"]
    expect(opened.answer.get_by_test_id("label")).to_have_text(whole(change["label"]))
