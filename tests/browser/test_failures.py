"""Overload, a stopped service and a new version: what is entered is kept, and answered later."""

import random
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.calculator import Calculator, random_row
from support.eventually import until
from support.page_models import write_other_version
from support.service_process import running_service
from support.watched_page import WatchedContext

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Route, expect

Watch = Callable[..., WatchedContext]
BUSY = "The service is busy. What you entered is kept"
LOST = "The service cannot be reached. What you entered is kept"


def test_a_busy_service_is_tried_again_after_the_time_that_it_names(
    watch: Watch, url: str, generator: random.Random
) -> None:
    page = watch(url, allowed=("status of 503",)).context.new_page()
    opened = Calculator(page, url, "heart")
    opened.open()
    row = random_row(opened.features, generator)
    rejected: list[str] = []

    def reject_twice(route: Route) -> None:
        if len(rejected) >= 2:
            route.fallback()
            return
        rejected.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "1"}, json={"title": "Busy"})

    page.route("**/predict*", reject_twice)
    opened.paste(row)
    expect(page.get_by_role("status").filter(has_text=BUSY)).to_be_visible()
    opened.expect_prediction(row)
    assert len(rejected) == 2
    expect(page.get_by_text(BUSY)).to_have_count(0)


def test_a_stopped_service_is_answered_from_once_it_is_back(
    watch: Watch, artifacts: dict[str, Path], tmp_path: Path, generator: random.Random
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    page = watch(url, allowed=("ERR_CONNECTION", "ERR_EMPTY_RESPONSE")).context.new_page()
    with running_service(artifacts["heart"], tmp_path / "first.txt", port=port):
        opened = Calculator(page, url, "heart")
        opened.open()
    row = random_row(opened.features, generator)
    opened.paste(row)
    expect(page.get_by_role("status").filter(has_text=LOST)).to_be_visible()
    with running_service(artifacts["heart"], tmp_path / "second.txt", port=port):
        opened.expect_prediction(row)
        expect(page.get_by_text(LOST)).to_have_count(0)


def test_a_new_version_is_announced_and_its_facts_can_be_loaded(
    watch: Watch, artifacts: dict[str, Path], tmp_path: Path, generator: random.Random
) -> None:
    served = tmp_path / "heart.joblib"
    served.write_bytes(artifacts["heart"].read_bytes())
    with running_service(served, tmp_path / "log.txt") as service:
        page = watch(service.url).context.new_page()
        opened = Calculator(page, service.url, "heart")
        opened.open()
        row = random_row(opened.features, generator)
        opened.paste(row)
        opened.expect_prediction(row)
        old = opened.facts["version"]
        write_other_version(served, tmp_path / "other.joblib")
        (tmp_path / "other.joblib").replace(served)
        until(lambda: httpx.get(opened.url).json()["version"] != old)
        new = httpx.get(opened.url).json()["version"]

        vessels = 1 if row["vessels"] == 2 else 2
        opened.enter("vessels", vessels)
        row["vessels"] = vessels
        banner = page.get_by_role("status").filter(has_text="A new version is in service")
        expect(banner).to_contain_text(f"heart@{new[:12]}")
        opened.expect_prediction(row)
        expect(page.get_by_title("Version of the model")).to_have_text(old[:12])
        banner.get_by_role("button", name="Load its facts").click()
        expect(page.get_by_title("Version of the model")).to_have_text(new[:12])
        expect(banner).to_have_count(0)
        opened.expect_prediction(row)
        part = opened.feature("vessels")
        expect(part.get_by_role("radio", name=str(vessels), exact=True)).to_be_checked()


def test_two_workers_answer_alike(
    watch: Watch, artifacts: dict[str, Path], tmp_path: Path, generator: random.Random
) -> None:
    with running_service(artifacts["heart"], tmp_path / "log.txt", workers=2) as service:
        opened = Calculator(watch(service.url).context.new_page(), service.url, "heart")
        opened.open()
        for _ in range(6):
            row = random_row(opened.features, generator)
            opened.paste(row)
            opened.expect_prediction(row)
