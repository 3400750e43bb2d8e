"""The pages of docs/: their Python prints what they show, and they name all there is."""

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
from model.training.recipes.recipe import bundled_recipes
from model.training.recipes.sections import Costs, Data, Decision, Ensemble, Scaling, Split
from model.training.regularization.augmentation import AUGMENTATIONS
from model.training.schedules.registry import SCHEDULES

PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_prints_what_it_shows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```(?:text|dot)\n(.*?)```\n", text, re.DOTALL)
    assert len(blocks) == text.count("```python")
    names: dict[str, Any] = {}
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == expected


def told(page: str) -> set[str]:
    """The names in the first cells of a page's tables."""
    rows = [line for line in (DOCS / page).read_text("utf-8").splitlines() if "|" in line]
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}


@pytest.mark.parametrize("known", [LAYERS, ACTIVATIONS, INITIALIZERS, LOSSES])
def test_every_name_is_told(known: dict[str, Any]) -> None:
    assert set(known) <= told("network.md")


def test_every_way_to_train_is_told() -> None:
    fields = {field.name for field in dataclasses.fields(Training)}
    assert told("training.md") == fields | set(OPTIMIZERS) | set(AUGMENTATIONS)
    assert told("schedules.md") == set(SCHEDULES)


def test_all_that_a_recipe_can_say_is_told() -> None:
    sections = (Data, Split, Scaling, Feature, Ensemble, Decision, Costs)
    keys = {key for section in sections for key in section.model_fields}
    assert told("recipes.md") == keys | {"task"} | set(bundled_recipes())
