"""default_model: the default settings as the text of a recipe."""

import tomllib

import pytest

from model.network.tasks import TASKS
from model.training.config import Training
from model.training.defaults import default_settings
from model.training.recipes.default_model import default_model


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("rows", "features"), [(5, 1), (300, 300), (20_000, 10), (10**6, 300)])
def test_text_holds_the_settings_that_the_estimators_use(
    task: str, rows: int, features: int
) -> None:
    settings = default_settings(task, rows, features)
    assert tomllib.loads(default_model(task, rows, features)) == settings
    Training(**settings["training"])
