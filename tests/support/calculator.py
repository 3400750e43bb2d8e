"""The calculator of the page, used as a person uses it: by roles and names."""

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
from support.shown_numbers import number, percent

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Row = dict[str, Any]
MAX_CHOICES = 7  # of a category with radio buttons
MAX_LEVELS = 12  # of an integer with a segmented control


class Calculator:
    """One model in a page, and the service behind it."""

    def __init__(
        self, page: "Page", url: str, model: str, headers: dict[str, str] | None = None
    ) -> None:
        self.page = page
        self.url = f"{url.rstrip('/')}/models/{model}"
        self.headers = headers or {}
        self.address = f"{url.rstrip('/')}/#/calculator/{model}"
        self.facts = httpx.get(self.url, headers=self.headers).raise_for_status().json()
        self.features: list[Row] = self.facts["schema"]["features"]
        self.target: Row = self.facts["schema"]["target"]

    def open(self) -> None:
        """Open the calculator."""
        self.page.goto(self.address)
        self.answer.wait_for()

    def expect_prediction(self, row: Row) -> Row:
        """Wait until the page shows the service's answer to a row, and return the answer."""
        from playwright.sync_api import expect

        answer = self.post("/predict", row)
        for test_id, text in self.shown(answer).items():
            expect(self.answer.get_by_test_id(test_id)).to_have_text(text)
        return answer

    @property
    def answer(self) -> "Locator":
        return self.page.get_by_role("region", name="Answer")

    def feature(self, name: str) -> "Locator":
        """Return the part of the form for a feature."""
        return self.page.locator(f"[data-feature={json.dumps(name, ensure_ascii=False)}]")

    def enter(self, name: str, value: object) -> None:
        """Enter a value by the input of its feature."""
        feature = next(each for each in self.features if each["name"] == name)
        part = self.feature(name)
        kind = kind_of(feature)
        if kind == "levels":
            choice = "not known" if value is None else str(value)
            part.get_by_role("radio", name=choice, exact=True).check(force=True)
        elif kind == "choice":
            names: dict[object, object] = {None: "not known", True: "yes", False: "no"}
            choice = str(names.get(value, value))
            label = part.locator("label", has=self.page.get_by_text(choice, exact=True))
            label.get_by_role("radio").check(force=True)
        elif kind == "switch":
            part.get_by_role("switch").set_checked(bool(value), force=True)
        elif value is None:
            part.get_by_role("checkbox", name="not known").check()
        else:
            role: Any = "combobox" if kind == "search" else "spinbutton"
            part.get_by_role(role).fill(str(value))

    def paste(self, row: Row | str) -> None:
        """Enter a row, or a text, by the dialog for rows."""
        text = row if isinstance(row, str) else json.dumps(row)
        self.page.get_by_role("button", name="Paste a row").click()
        dialog = self.page.get_by_role("dialog", name="Paste a row")
        dialog.get_by_role("textbox").fill(text)
        dialog.get_by_role("button", name="Use it").click()

    def post(self, path: str, row: Row) -> Row:
        """Return the answer of the service to a row."""
        body: Any = {"instances": [row]} if path.startswith("/explain") else row
        threshold = self.facts.get("threshold")
        query = {} if threshold is None or "threshold=" in path else {"threshold": threshold}
        url = httpx.URL(self.url + path).copy_merge_params(query)
        answer = httpx.post(url, json=body, headers=self.headers, timeout=60)
        return dict(answer.raise_for_status().json())

    def shown(self, answer: Row) -> dict[str, str]:
        """Return the texts that the page must show for an answer, by test id."""
        task = self.target["task"]
        if task == "binary":
            return {"probability": percent(answer["probability"]), "label": answer["label"]}
        if "probabilities" in answer:
            chosen = (
                ", ".join(answer["labels"]) or "none" if "labels" in answer else answer["label"]
            )
            figures = answer["probabilities"].items()
            return {"label": chosen} | {
                f"probability-{name}": percent(each) for name, each in figures
            }
        unit = f" {self.target['unit']}" if self.target.get("unit") else ""
        values = answer.get("values") or {self.target["outputs"][0]: answer["value"]}
        return {f"value-{name}": f"{number(each, 5)}{unit}" for name, each in values.items()}


def kind_of(feature: Row) -> str:
    """Return which input a feature has."""
    kind = feature["type"]
    if kind == "boolean":
        return "choice" if feature["may_be_missing"] else "switch"
    if kind == "category":
        is_short = len(feature["categories"]) <= MAX_CHOICES and feature.get("unseen") != "other"
        return "choice" if is_short else "search"
    ends = (feature["minimum"], feature["maximum"])
    has_levels = kind == "integer" and None not in ends and ends[1] - ends[0] < MAX_LEVELS
    return "levels" if has_levels else "number"


def random_value(feature: Row, generator: Any, missing: float = 0.2) -> object:
    """Return a random valid value of a feature.

    Args:
        feature: The feature, as the service describes it.
        generator: A generator of the module `random`.
        missing: The share of missing values of a feature that may be missing.
    """
    if feature["may_be_missing"] and generator.random() < missing:
        return None
    if feature["type"] == "category":
        return generator.choice(feature["categories"])
    if feature["type"] == "boolean":
        return generator.random() < 0.5
    if feature["type"] == "integer":
        return generator.randint(int(feature["minimum"]), int(feature["maximum"]))
    return round(generator.uniform(feature["minimum"], feature["maximum"]), 2)


def random_row(features: list[Row], generator: Any) -> Row:
    """Return a random valid row."""
    return {feature["name"]: random_value(feature, generator) for feature in features}


def whole(text: str) -> "re.Pattern[str]":
    """Return a pattern of exactly a text."""
    return re.compile(f"^{re.escape(text)}$")
