"""Every path of a service: with and without a slash at its end, and the methods that it allows."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from unit.service.security.test_api_keys import ROW, routes

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def http(service_port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{service_port}", timeout=60) as client:
        yield client


def test_a_slash_at_the_end_of_a_path_changes_nothing(http: httpx.Client, app: FastAPI) -> None:
    def ask(method: str, path: str) -> tuple[int, dict[str, str], str]:
        answer = http.request(method, path, json=ROW if method == "POST" else None)
        same = {"content-type", "allow", "content-length"} & answer.headers.keys()
        return (
            answer.status_code,
            {name: answer.headers[name] for name in same},
            re.sub("[0-9a-f]{32}", "", answer.text),
        )

    paths = {path for _, path in routes(app)} - {"/", "/docs"}
    assert len(paths) > 20
    for path in paths:
        for method in ("GET", "HEAD", "POST", "DELETE"):
            assert ask(method, f"{path}/") == ask(method, path), (method, path)
    assert http.get("/health//").status_code == 404


def test_the_page_redirects_so_that_its_links_work(http: httpx.Client) -> None:
    answer = http.get("/docs/")
    assert (answer.status_code, answer.headers["location"]) == (307, "../docs")
    assert http.get("/docs/", follow_redirects=True).url.path == "/docs"


def test_allow_has_exactly_the_methods_that_are_answered(http: httpx.Client, app: FastAPI) -> None:
    for path in {path for _, path in routes(app)}:
        statuses = {method: http.request(method, path).status_code for method in METHODS}
        allowed = http.request("PATCH", path).headers["allow"].split(", ")
        assert allowed == sorted(allowed)
        assert 405 not in {statuses[method] for method in allowed}, path
        answered = {method for method, status in statuses.items() if status not in (404, 405)}
        assert answered <= set(allowed), path
