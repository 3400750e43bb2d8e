"""Batch: a table is scored by the service; counts, filters and the download are of its answer."""

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.calculator import Calculator, random_value
from support.shown_numbers import SPACE
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

ROWS = 2000
WRONG = {10: "99", 700: "abc", 1999: "-1"}


@pytest.fixture
def table(url: str, page: Page, tmp_path: Path, generator: random.Random) -> Path:
    """A table with three invalid rows."""
    features = Calculator(page, url, "heart").features
    lines = []
    for number in range(ROWS):
        row = {feature["name"]: random_value(feature, generator) for feature in features}
        row["age"] = WRONG.get(number, row["age"])
        lines.append({name: "" if value is None else value for name, value in row.items()})
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0].keys())
    writer.writeheader()
    writer.writerows(lines)
    path = tmp_path / "Patients.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def count(number: int) -> str:
    return f"{number:,}".replace(",", SPACE)


def test_a_table_is_scored(page: Page, url: str, table: Path) -> None:
    model = f"{url}/models/heart"
    threshold = httpx.get(model).json()["threshold"]
    answer = httpx.post(
        f"{model}/predict",
        params={"on_error": "mark", "threshold": threshold},
        content=table.read_bytes(),
        headers={"Content-Type": "text/csv", "Accept": "text/csv"},
    ).raise_for_status()
    scored = list(csv.DictReader(io.StringIO(answer.text)))
    labels = [line["label"] for line in scored if not line["error"]]
    assert len(labels) == ROWS - len(WRONG)

    page.goto(f"{url}/#/batch/heart")
    page.get_by_label("Drop a CSV file here").set_input_files(table)
    page.get_by_role("link", name="Download the answer").wait_for()
    summary = page.get_by_test_id("scored")
    expect(summary).to_contain_text(f"{count(ROWS)} rows")
    expect(summary).to_contain_text("3 with an error")
    for label in set(labels):
        expect(summary).to_contain_text(f"{count(labels.count(label))} {label}")

    rows = page.get_by_role("table", name="Scored rows").get_by_role("row")
    expect(rows).to_have_count(101)  # the header, and one page
    expect(page.get_by_text("page 1 of 20")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(rows.nth(1).get_by_role("rowheader")).to_have_text("101")
    page.get_by_role("combobox", name="Rows").select_option("error:")
    expect(rows).to_have_count(1 + len(WRONG))
    numbers = [count(number + 1) for number in WRONG]
    expect(rows.get_by_role("rowheader")).to_have_text(numbers)
    page.get_by_role("searchbox", name="that contain").fill("integer")
    expected = [line for line in scored if line["error"] and "integer" in line["error"]]
    expect(rows).to_have_count(1 + len(expected))
    page.get_by_role("searchbox", name="that contain").fill("")
    page.get_by_role("combobox", name="Rows").select_option(labels[0])
    of_label = labels.count(labels[0])
    expect(page.get_by_text(f"of {-(-of_label // 100)}", exact=False).last).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("link", name="Download the answer").click()
    assert download.value.suggested_filename == "Patients.scored.csv"
    assert Path(download.value.path()).read_bytes() == answer.content


def test_a_table_without_the_features_gives_the_reason(
    watch: Callable[..., WatchedContext], url: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    answer = httpx.post(
        f"{url}/models/heart/predict?on_error=mark",
        content=path.read_bytes(),
        headers={"Content-Type": "text/csv", "Accept": "text/csv"},
    )
    assert answer.status_code == 422
    page = watch(url, allowed=("status of 422",)).context.new_page()
    page.goto(f"{url}/#/batch/heart")
    page.get_by_label("Drop a CSV file here").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text(answer.json()["errors"][0]["rule"])


def test_the_template_can_be_scored(page: Page, url: str) -> None:
    page.goto(f"{url}/#/batch/heart")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download a template").click()
    page.get_by_label("Drop a CSV file here").set_input_files(download.value.path())
    expect(page.get_by_test_id("scored")).to_contain_text("1 rows")
    expect(page.get_by_test_id("scored")).not_to_contain_text("error")
