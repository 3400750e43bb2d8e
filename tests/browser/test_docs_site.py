"""The documentation's site, as `make site` built it, in Chromium."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.paths import ROOT

pytest.importorskip("playwright", reason="needs Playwright: make browser")
from playwright.sync_api import Page, expect

SITE = ROOT / "site"
PHONE = {"width": 360, "height": 740}

pytestmark = pytest.mark.skipif(not SITE.is_dir(), reason="needs the site: make site")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server of the site's files."""
    handler = partial(QuietHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pages_load_without_errors(page: Page, url: str) -> None:
    """The fixture `page` fails for errors and for requests to other hosts."""
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    for path in ("/", "/tutorials/watch-a-network-think/", "/explanation/architecture/"):
        page.goto(f"{url}{path}", wait_until="networkidle")
        expect(page.locator("h1")).to_be_visible()
    assert len(requested) > 10


def test_the_search_finds_a_page(page: Page, url: str) -> None:
    page.goto(url, wait_until="networkidle")
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("temperature calibration")
    found = page.locator("a[href*='explanation/calibration']").first
    expect(found).to_be_visible()


def test_a_phone_scrolls_down_only(page: Page, url: str) -> None:
    page.set_viewport_size(PHONE)
    pages = sorted(SITE.glob("*/*/index.html"))
    assert len(pages) > 40
    for path in pages:
        page.goto(f"{url}/{path.parent.relative_to(SITE).as_posix()}/")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path


def test_the_colours_follow_the_reader(page: Page, url: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(url)
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "default")
