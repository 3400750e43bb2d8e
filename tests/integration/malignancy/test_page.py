"""The Python of docs/clients.md prints what the page shows, with a service process."""

import contextlib
import io
import re
from typing import Any

import pytest
from support.paths import DOCS

from malignancy import AsyncClient, Client
from malignancy.retries import Retries

pytestmark = pytest.mark.process

PAGE = next(DOCS.rglob("clients.md")).read_text(encoding="utf-8")
BLOCKS = re.findall(r"```py\n(.*?)```\n\n```text\n(.*?)```\n", PAGE, re.DOTALL)


def test_every_block_prints_what_the_page_shows(url: str) -> None:
    assert len(BLOCKS) == PAGE.count("```py") > 3
    names: dict[str, Any] = {}
    for code, expected in BLOCKS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace("http://localhost:8000", url), names)
        assert printed.getvalue() == expected
    names["client"].close()


def test_every_method_is_named() -> None:
    methods = {name for name in vars(Client) if not name.startswith("_")} - {"close"}
    assert methods <= set(vars(AsyncClient))
    assert {name for name in methods if f"`{name}(" not in PAGE} == set()


def test_every_limit_has_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert {name: float(value) for name, value in rows} == vars(Retries())
