"""Every command runs for every bundled recipe, and for recipes that `init` writes of its tables."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from model.artifacts import artifact
from model.cli.commands import GROUPS
from model.pipelines.train import train
from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.recipe import load_recipe

pytestmark = pytest.mark.usefixtures("few_draws")

Program = Callable[..., tuple[int, str, str]]

RECIPE, TABLE = "RECIPE", "TABLE"  # stand for a recipe and its table
OF_A_RECIPE = {
    "describe": [RECIPE, "--folder", "pictures"],
    "train": [RECIPE, "--output", "m.joblib"],
}
OF_AN_ARTIFACT = {
    "evaluate": ["m.joblib"],
    "inspect": ["m.joblib"],
    "report": ["m.joblib"],
    "predict": ["m.joblib", TABLE, "--output", "predicted.csv"],
    "explain": ["m.joblib", "few.csv", "--output", "explained.csv"],
    "promote": ["m.joblib"],
    "keygen": ["key.pem"],
    "sign": ["m.joblib", "--key", "key.pem"],
    "export onnx": ["m.joblib", "--output", "m.onnx"],
}
THAT_TRAIN_MORE = {
    "lr-find": [RECIPE],
    "cross-validate": [RECIPE, "--folds", "2"],
    "tune": [RECIPE, "--trials", "1", "--folds", "2"],
    "compare": [RECIPE, RECIPE],
    "landscape": [RECIPE, "--points", "5"],
}
ELSEWHERE = {"init", "recipes", "serve", "store", "replay", "score"}  # `init` is run below
EXTRAS = {  # packages that a command needs
    "sign": "cryptography",
    "keygen": "cryptography",
    "export onnx": "onnx",
    "tune": "optuna",
}
QUICK = {"digits", "multi-label", "regression", "wisconsin"}  # a recipe of each task
QUICKEST = {"regression", "wisconsin"}
OF_FIGURES = ("evaluate", "inspect", "predict", "explain")  # the commands that draw nothing
TARGETS = {  # of the tables of the bundled recipes
    "breast-cancer-wisconsin.csv": "class",
    "diabetes.csv": "progression",
    "digits.csv": "digit",
    "ecg.csv": "beat",
    "xor.csv": "class",
}
OF_EACH_TASK = {"breast-cancer-wisconsin.csv", "diabetes.csv", "digits.csv"}


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def recipes(quick: set[str]) -> list[Any]:
    """Return all bundled recipes, all but some of them marked as slow."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.slow)
        for name in bundled_recipes()
    ]


def of_each_kind(parameters: list[Any]) -> list[Any]:
    """Keep the first recipe of each task and kind of layers, and all that are not slow."""
    kept: dict[Any, Any] = {}
    for each in parameters:
        name = each if isinstance(each, str) else each.values[0]
        kept.setdefault(each if isinstance(each, str) else kind_of(name), each)
    return [*kept.values()]


@cache
def kind_of(name: str) -> tuple[str, frozenset[str]]:
    """Return the task and the kinds of layers of a recipe."""
    recipe = load_recipe(name)
    layers = frozenset(type(layer).__name__ for layer in recipe.network.layers)
    return recipe.schema.target.task, layers


def variants() -> list[str]:
    """Return the bundled recipes that differ from one that is tested only by their settings."""
    tested = of_each_kind(recipes(QUICK))
    names = {each if isinstance(each, str) else each.values[0] for each in tested}
    return [name for name in bundled_recipes() if name not in names]


def short(recipe: str) -> Path:
    """Write a recipe that differs from another by a short training and fewer explained rows."""
    lines = [f'extends = "{recipe}"', "[training]", "epochs = 2", "report_every = 1"]
    lines += ["[explanation]", "rows = 30"]
    ensemble = load_recipe(recipe).ensemble
    if ensemble is not None:
        lines += ["[ensemble]", f"members = {max(ensemble.folds or 0, 4)}"]
    path = Path("short.toml")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(program: Program, commands: dict[str, list[str]], recipe: Path) -> None:
    table = load_recipe(str(recipe)).data.file
    names = {RECIPE: str(recipe), TABLE: str(table)}
    Path("few.csv").write_bytes(b"".join(table.read_bytes().splitlines(keepends=True)[:4]))
    for command, arguments in commands.items():
        if find_spec(EXTRAS.get(command, "model")):
            given = [*command.split(), *(names.get(each, each) for each in arguments)]
            code, _, err = program(*given)
            assert (code, err) == (0, ""), given


def test_all_commands_are_run() -> None:
    tested = {*OF_A_RECIPE, *OF_AN_ARTIFACT, *THAT_TRAIN_MORE, *ELSEWHERE}
    assert tested == {command.name for group in GROUPS.values() for command in group}


@pytest.mark.parametrize("name", of_each_kind(recipes(QUICK)))
def test_a_bundled_recipe_is_trained_and_its_artifact_used(program: Program, name: str) -> None:
    run(program, OF_A_RECIPE | OF_AN_ARTIFACT, short(name))
    for picture in ("features", "loss"):
        assert Path(f"m.{picture}.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", variants())
def test_figures_of_a_variant_are_shown(program: Program, name: str) -> None:
    recipe = short(name)
    artifact.save(train(load_recipe(str(recipe))).predictor, Path("m.joblib"))
    run(program, {command: OF_AN_ARTIFACT[command] for command in OF_FIGURES}, recipe)


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("name", variants())
def test_all_commands_run_for_a_variant(program: Program, name: str) -> None:
    run(program, OF_A_RECIPE | OF_AN_ARTIFACT, short(name))


@pytest.mark.timeout(900)  # twenty layers are trained twice
@pytest.mark.parametrize("name", of_each_kind(recipes(QUICKEST)))
def test_commands_that_train_run_for_a_bundled_recipe(program: Program, name: str) -> None:
    recipe = short(name)
    run(program, THAT_TRAIN_MORE, recipe)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("table", TARGETS)
def test_commands_run_for_a_recipe_of_init(program: Program, table: str) -> None:
    more = THAT_TRAIN_MORE if table in OF_EACH_TASK else {}
    run(program, OF_A_RECIPE | OF_AN_ARTIFACT | more, drafted(program, table))


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("table", sorted(TARGETS.keys() - OF_EACH_TASK))
def test_commands_that_train_run_for_a_recipe_of_init(program: Program, table: str) -> None:
    run(program, THAT_TRAIN_MORE, drafted(program, table))


def drafted(program: Program, table: str) -> Path:
    """Return a short form of the recipe that `init` writes of a table."""
    tables = {(file := load_recipe(name).data.file).name: file for name in bundled_recipes()}
    code, _, err = program(
        "init", tables[table], "--target", TARGETS[table], "--output", "own.toml"
    )
    assert (code, err) == (0, "")
    return short("own.toml")
