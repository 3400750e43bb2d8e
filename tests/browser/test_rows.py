"""Rows are pasted in several formats, copied as commands, printed, and loaded as examples."""

import csv
import io
import json
import random
import shutil
import subprocess
from collections.abc import Callable

import pytest
from support.calculator import Calculator, Row, random_row
from support.page_models import TABLES
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import expect

Open = Callable[[str], Calculator]


def lines(row: Row, delimiter: str, *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if header:
        writer.writerow(row)
    writer.writerow(["" if each is None else each for each in row.values()])
    return text.getvalue()


FORMATS: dict[str, Callable[[Row], str]] = {
    "JSON object": json.dumps,
    "JSON array": lambda row: json.dumps(list(row.values())),
    "request": lambda row: json.dumps({"instances": [row]}),
    "CSV with a header": lambda row: lines(row, ",", header=True),
    "CSV in another order": lambda row: lines(dict(reversed(row.items())), ",", header=True),
    "copied cells": lambda row: lines(row, "\t", header=True),
    "copied cells without a header": lambda row: lines(row, "\t", header=False),
}


@pytest.mark.parametrize("model", ["heart", "hostile"])
def test_a_row_is_pasted(model: str, calculator: Open, generator: random.Random) -> None:
    opened = calculator(model)
    for text_of in FORMATS.values():
        row = random_row(opened.features, generator)
        opened.paste(text_of(row))
        opened.expect_prediction(row)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The text is empty."),
        ("{bad", "The text is not valid JSON."),
        ("1,2,3", "There are 3 values for 7 features."),
        ("a,b\n1,2", "The first line has no name of a feature."),
        ("[[1]", "The text is not valid JSON."),
    ],
)
def test_a_bad_text_is_refused_and_changes_nothing(
    text: str, reason: str, calculator: Open, generator: random.Random
) -> None:
    opened = calculator("heart")
    row = random_row(opened.features, generator)
    opened.paste(row)
    opened.expect_prediction(row)
    opened.paste(text)
    dialog = opened.page.get_by_role("dialog", name="Paste a row")
    expect(dialog.get_by_role("alert")).to_have_text(reason)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    opened.expect_prediction(row)
    smokes = opened.feature("smokes").get_by_role("radio")
    chosen = [True, False, None].index(row["smokes"])
    expect(smokes.nth(chosen)).to_be_checked()


@pytest.mark.parametrize("model", ["wisconsin", "heart", "hostile"])
def test_the_copied_curl_command_gives_the_same_answer(
    model: str, watch: Callable[..., WatchedContext], url: str, generator: random.Random
) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    watched = watch(url, permissions=["clipboard-read", "clipboard-write"])
    opened = Calculator(watched.context.new_page(), url, model)
    opened.open()
    row = random_row(opened.features, generator)
    opened.paste(row)
    expected = opened.expect_prediction(row)
    opened.page.get_by_role("button", name="Copy as curl").click()
    expect(opened.page.get_by_role("status").filter(has_text="copied")).to_be_visible()
    command: str = opened.page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer == expected


@pytest.mark.parametrize("model", [table.name for table in TABLES if table.task != "binary"][:1])
def test_examples_and_reset_fill_the_form(model: str, calculator: Open) -> None:
    opened = calculator(model)
    for example in opened.facts["inputs"]["examples"]:
        opened.page.get_by_role("button", name=example["label"], exact=True).click()
        opened.expect_prediction(example["values"])
    opened.page.get_by_role("button", name="Reset").click()
    opened.expect_prediction(opened.facts["inputs"]["typical"])


def test_the_print_has_the_label_and_the_probability(
    calculator: Open, generator: random.Random
) -> None:
    opened = calculator("heart")
    row = random_row(opened.features, generator)
    opened.paste(row)
    opened.expect_prediction(row)
    opened.page.emulate_media(media="print")
    for test_id in ("probability", "label"):
        expect(opened.answer.get_by_test_id(test_id)).to_be_visible()
    expect(opened.page.get_by_role("button", name="Print")).to_be_hidden()
    expect(opened.page.get_by_role("navigation")).to_be_hidden()
    assert opened.page.pdf().startswith(b"%PDF-")
