"""The Python of the pages prints what they show, and their tables name every option."""

import contextlib
import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import pytest
from support.paths import DOCS

from model.network.activations.registry import ACTIVATIONS
from model.network.initializers import INITIALIZERS
from model.network.layers import LAYERS
from model.network.losses import LOSSES
from model.prediction.schema import Feature
from model.training.config import Training
from model.training.optimizers.registry import OPTIMIZERS
from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.sections import (
    Costs,
    Data,
    Decision,
    Ensemble,
    Explanation,
    Scaling,
    Split,
)
from model.training.regularization.augmentation import AUGMENTATIONS
from model.training.schedules.registry import SCHEDULES

PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_print_the_output_shown(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```(?:text|dot)\n(.*?)```\n", text, re.DOTALL)
    assert len(blocks) == text.count("```python")
    names: dict[str, Any] = {}
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == expected


def documented(page: str) -> set[str]:
    """Return the names in the first cells of a page's tables."""
    rows = [line for line in (DOCS / page).read_text("utf-8").splitlines() if "|" in line]
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}


@pytest.mark.parametrize("registry", [LAYERS, ACTIVATIONS, INITIALIZERS, LOSSES])
def test_the_network_page_names_every_part(registry: dict[str, Any]) -> None:
    assert set(registry) <= documented("reference/network.md")


def test_the_training_pages_name_every_option() -> None:
    fields = {field.name for field in dataclasses.fields(Training)}
    assert documented("reference/training.md") == fields | set(OPTIMIZERS) | set(AUGMENTATIONS)
    assert documented("reference/schedules.md") == set(SCHEDULES)


def test_the_recipe_page_names_every_key() -> None:
    sections = (Data, Split, Scaling, Feature, Ensemble, Decision, Costs, Explanation)
    keys = {key for section in sections for key in section.model_fields}
    assert documented("reference/recipes.md") == keys | {"task"} | set(bundled_recipes())
