"""Broken recipes and tables are rejected with an error text, or train."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from model.errors import MalignancyError
from model.pipelines.train import train
from model.training.recipes.drafting.draft import first_recipe
from model.training.recipes.recipe import load_recipe
from model.training.tables.readers import read_frame

pytestmark = pytest.mark.usefixtures("few_draws")

Mutation = Callable[[str, random.Random], str]
RECIPE = """
name = "mine"
threshold = 0.5
features = [
    { name = "age", type = "integer", minimum = 0, maximum = 120 },
    { name = "colour", type = "category", categories = ["red", "green"] },
    { name = "smokes", type = "boolean", may_be_missing = true },
    { name = "size", minimum = 0.5, unit = "mm" },
]
[data]
file = "rows.csv"
target = "outcome"
negative = "well"
positive = "ill"
missing = "median"
missing_values = ["?"]
group = "patient"
weight = "w"
class_weight = "balanced"
[split]
validation = 0.4
seed = 1
[scaling]
method = "standard"
transform = { size = "log", age = "sqrt" }
[network]
hidden = [{ units = 4, activation = "relu" }, { name = "dropout", rate = 0.1 }]
dtype = "float32"
[training]
optimizer = { name = "adamw", weight_decay = 0.1 }
learning_rate = 0.01
epochs = 2
batch_size = 4
schedule = { name = "warm_up", steps = 2, then = "cosine" }
augmentation = ["mixup", { name = "jitter", standard_deviation = 0.1 }]
early_stopping = { patience = 2 }
clip_norm = 1.0
"""
TABLE = "\n".join(
    [
        "patient,age,colour,smokes,size,w,outcome",
        *(
            f"{k // 2},{20 + k},{('red', 'green')[k % 2]},{('true', '', 'false', '?')[k % 4]},"
            f"{1 + k / 4},{1 + k % 3},{('ill', 'well')[k % 3 > 0]}"
            for k in range(24)
        ),
        "",
    ]
)
SCRAPS = [
    *'" , = [ ] { } # \n . - 0 -1 1e999 nan inf true false null é \0 \ud800'.split(" "),
    *("''", '"x"', "[[1]]", "{a = 1}", "1979-05-27", "9" * 30, "red", "outcome", "   ", "\r\n\r\n"),
]


def mutated(text: str, draw: random.Random) -> str:
    """Return the text with up to four slices replaced, doubled or removed."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(text))
        end = min(len(text), start + draw.choice([0, 1, 3, 10, 40]))
        part = draw.choice([draw.choice(SCRAPS), "", text[start:end] * 2])
        text = text[:start] + part + text[end:]
    return text


VALUES = [
    "0",
    "-1",
    "1",
    "3.5",
    "1e999",
    "nan",
    '"x"',
    '""',
    "true",
    "[]",
    "[1, 2]",
    "{}",
    "{a = 1}",
]
CELLS = [
    "",
    "0",
    "-1",
    "1e999",
    "nan",
    "inf",
    "x",
    "true",
    "red",
    "1_000",
    "é",
    "9" * 400,
    "ill",
    "?",
]


def other_value(text: str, draw: random.Random) -> str:
    """Return the recipe with one or two values of another type or out of range."""
    for _ in range(draw.randint(1, 2)):
        found = draw.choice(list(re.finditer(r'(?<== )("[^"]*"|[\d.]+|true)', text)))
        text = text[: found.start()] + draw.choice(VALUES) + text[found.end() :]
    return text


def other_cells(text: str, draw: random.Random) -> str:
    """Return the table with up to three cells replaced, header included."""
    lines = [line.split(",") for line in text.splitlines()]
    for _ in range(draw.randint(1, 3)):
        draw.choice(lines)[draw.randrange(7)] = draw.choice(CELLS)
    return "\n".join(map(",".join, lines))


def error_of(path: Path) -> str:
    """Train a recipe, and return the error text, empty if it trains."""
    try:
        train(load_recipe(str(path)))
    except (MalignancyError, OSError) as error:
        return str(error)
    return ""


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def test_the_unbroken_recipe_trains(tmp_path: Path) -> None:
    write(tmp_path / "mine.toml", RECIPE)
    write(tmp_path / "rows.csv", TABLE)
    assert error_of(tmp_path / "mine.toml") == ""


@pytest.mark.parametrize("mutate", [mutated, other_value])
@pytest.mark.parametrize("seed", range(120))
def test_a_broken_recipe_is_rejected_in_one_line_or_trains(
    tmp_path: Path, seed: int, mutate: Mutation
) -> None:
    write(tmp_path / "mine.toml", mutate(RECIPE, random.Random(seed)))
    write(tmp_path / "rows.csv", TABLE)
    error = error_of(tmp_path / "mine.toml")
    assert "\n" not in error.strip()


@pytest.mark.parametrize("mutate", [mutated, other_cells])
@pytest.mark.parametrize("seed", range(120))
def test_a_broken_table_is_rejected_with_its_location_or_trains(
    tmp_path: Path, seed: int, mutate: Mutation
) -> None:
    write(tmp_path / "mine.toml", RECIPE)
    write(tmp_path / "rows.csv", mutate(TABLE, random.Random(seed)))
    error = error_of(tmp_path / "mine.toml")
    assert error == "" or "rows.csv" in error or "split" in error or "feature" in error


@pytest.mark.parametrize("seed", range(60))
def test_a_recipe_generated_from_a_broken_table_can_be_loaded(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "rows.csv"
    write(path, (mutated, other_cells)[seed % 2](TABLE, random.Random(1000 + seed)))
    try:
        text = first_recipe(read_frame(path), Path("rows.csv"), "mine")
    except MalignancyError:
        return
    write(tmp_path / "mine.toml", text)
    load_recipe(str(tmp_path / "mine.toml"))
    for setting, few in (("epochs", 2), ("members", 4), ("folds", 4)):
        text = re.sub(rf"{setting} = \d+", f"{setting} = {few}", text)
    write(tmp_path / "mine.toml", text)
    error = error_of(tmp_path / "mine.toml")
    assert error == "" or "rows.csv" in error or "split" in error or "feature" in error
