"""The pages of docs/: their Python prints what they show, and they name all there is."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from model.network.activations import ACTIVATIONS
from model.network.initializers import INITIALIZERS
from model.network.layers import LAYERS
from model.network.losses import LOSSES

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_a_page_prints_what_it_shows(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```(?:text|dot)\n(.*?)```\n", text, re.DOTALL)
    assert len(blocks) == text.count("```python") > 0
    names: dict[str, Any] = {}
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == expected


@pytest.mark.parametrize("known", [LAYERS, ACTIVATIONS, INITIALIZERS, LOSSES])
def test_every_name_is_told(known: dict[str, Any]) -> None:
    rows = [line for line in (DOCS / "network.md").read_text("utf-8").splitlines() if "|" in line]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert set(known) <= told
