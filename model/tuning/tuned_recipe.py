"""The recipe that a search found, as a readable file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.recipe import Recipe
from model.training.recipes.toml_text import inline
from model.tuning.report import Result
from model.tuning.space import Space, Value

SUFFIX: Final = "-tuned"
MAX_NAME: Final = 64  # characters of a recipe's name


def tuned_recipe(
    recipe: Recipe,
    name_or_path: str,
    file: Path,
    space: Space,
    result: Result,
    summary: Sequence[str],
) -> str:
    """Return a recipe file that extends the given one and overrides what the best trial changed.

    The trials follow as comments.

    Args:
        recipe: The recipe as given.
        name_or_path: Its name or path.
        file: The file that will be written.
        space: The search space.
        result: The result of the search.
        summary: Lines that say how the recipe was found.
    """
    best = result.trials[result.best]
    lines = [
        f"# {recipe.name} with settings found by malignancy tune.",
        *(f"# {line}" for line in summary),
    ]
    lines += ["", f"extends = {inline(_parent(name_or_path, file))}"]
    lines.append(f"name = {inline(_name(recipe.name))}")
    overrides = {} if best.is_own else _changed(recipe, space.overrides(best.values))
    for table, keys in overrides.items():
        lines += ["", f"[{table}]", *(f"{key} = {inline(value)}" for key, value in keys.items())]
    rows = trial_rows(space, result)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = ("  ".join(map(str.rjust, row, widths)) for row in rows)
    return "\n".join([*lines, "", *(f"# {row}" for row in shown), ""])


def _parent(name_or_path: str, file: Path) -> str:
    """Return what the file extends: a bundled recipe, or a path relative to the file."""
    if name_or_path in bundled_recipes():
        return name_or_path
    path, folder = Path(name_or_path).resolve(), file.resolve().parent
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def _name(name: str) -> str:
    return f"{name[: MAX_NAME - len(SUFFIX)]}{SUFFIX}"


def _changed(recipe: Recipe, overrides: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the keys whose value differs from the recipe's own, by table."""
    own = recipe.facts["recipe"]
    changed = {
        table: {key: value for key, value in keys.items() if own[table].get(key) != value}
        for table, keys in overrides.items()
    }
    return {table: keys for table, keys in changed.items() if keys}


def trial_rows(space: Space, result: Result) -> list[list[str]]:
    """Return a table of the trials as texts: the heads, then the trials, the best first.

    Args:
        space: The search space.
        result: The result of the search.
    """
    names = list(space.settings)
    rows = [["trial", "loss", *(name.rpartition(".")[2] for name in names)]]
    for index in np.argsort(result.losses, kind="stable"):
        trial = result.trials[index]
        cells = ["as given" if trial.is_own else _cell(trial.values[name]) for name in names]
        rows.append([str(trial.number), f"{result.losses[index]:.5f}", *cells])
    return rows


def _cell(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
