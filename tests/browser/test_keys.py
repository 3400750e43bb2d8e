"""With API keys: the shell is public, and the key is typed once and kept in the tab only."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.calculator import Calculator, random_row
from support.service_process import Service, running_service
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

Watch = Callable[..., WatchedContext]
SECRET = "a-secret-of-this-test"
KEY = f"clinic.{SECRET}"
DENIED = ("status of 401",)


@pytest.fixture(scope="module")
def service(
    artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    log = tmp_path_factory.mktemp("keys") / "log.txt"
    keys = f"clinic:predict+metrics:{digest}"
    with running_service(artifacts["heart"], log, api_keys=keys) as service:
        yield service


def enter_key(page: Page, key: str) -> None:
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Continue").click()


def test_the_key_opens_the_page_and_stays_in_the_tab(
    watch: Watch, service: Service, generator: random.Random
) -> None:
    watched = watch(service.url, DENIED)
    page = watched.context.new_page()
    page.goto(service.url)
    expect(page.get_by_role("heading", name="This service needs an API key")).to_be_visible()
    assert "heart" not in page.content()
    enter_key(page, KEY)
    expect(page.get_by_role("region", name="Answer")).to_be_visible()

    opened = Calculator(page, service.url, "heart", {"X-API-Key": KEY})
    row = random_row(opened.features, generator)
    opened.paste(row)
    opened.expect_prediction(row)
    for view in ("Performance", "Model", "Batch"):
        page.get_by_role("link", name=view, exact=True).click()
        expect(page.get_by_role("link", name=view, exact=True)).to_have_attribute(
            "aria-current", "page"
        )
    assert SECRET in page.evaluate("JSON.stringify({...sessionStorage})")
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    assert watched.context.cookies() == []
    assert not [url for url in watched.urls if SECRET in url]
    page.reload()  # the same tab
    expect(page.get_by_role("link", name="Batch", exact=True)).to_be_visible()

    other = watched.context.new_page()  # another tab
    other.goto(service.url)
    expect(other.get_by_label("API key", exact=True)).to_be_visible()


def test_a_wrong_key_is_refused_with_a_reason(watch: Watch, service: Service) -> None:
    page = watch(service.url, DENIED).context.new_page()
    page.goto(service.url)
    with page.expect_response(lambda answer: answer.status == 401) as first:
        enter_key(page, "wrong")
    detail = first.value.json()["detail"]
    expect(page.get_by_text(detail)).to_be_visible()
    enter_key(page, KEY)
    expect(page.get_by_role("region", name="Answer")).to_be_visible()


def test_no_value_is_ever_in_an_address(watch: Watch, url: str, generator: random.Random) -> None:
    watched = watch(url)
    opened = Calculator(watched.context.new_page(), url, "heart")
    opened.open()
    row = random_row(opened.features, generator) | {"cholesterol": 234.56, "ward": "ward 7"}
    opened.paste(row)
    opened.expect_prediction(row)
    opened.enter("cholesterol", 345.67)
    opened.expect_prediction(row | {"cholesterol": 345.67})
    opened.page.get_by_role("link", name="Performance", exact=True).click()
    opened.page.get_by_test_id("matrix").first.wait_for()
    addresses = [*watched.urls, opened.page.url]
    assert len(addresses) > 8
    secrets = ("234", "345.67", "ward", "cholesterol", str(row["age"]) + ",", str(row["pain"]))
    assert not [url for url in addresses if any(secret in url for secret in secrets)]
    assert opened.page.evaluate("sessionStorage.length + localStorage.length") == 0
