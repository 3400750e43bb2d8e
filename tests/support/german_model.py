"""A small model whose names are not ASCII, trained by a recipe with `missing_values`."""

from pathlib import Path

import numpy as np

from model.artifacts import artifact
from model.pipelines.train import train
from model.training.recipes.recipe import load_recipe

RECIPE = """
name = "befund"
split = { validation = 0.25 }
network = { hidden = [{ units = 4, activation = "tanh" }] }
training = { optimizer = "adam", learning_rate = 0.01, epochs = 3, batch_size = 32 }

[data]
file = "befund.csv"
target = "Diagnose"
negative = "gutartig"
positive = "bösartig"
missing = "median"
missing_values = ["unbekannt", "-9"]

[[features]]
name = "Größe, cm"
minimum = 30
maximum = 250

[[features]]
name = "Alter"
type = "integer"
minimum = -20
maximum = 120
may_be_missing = true

[[features]]
name = "Geschlecht"
type = "category"
categories = ["männlich", "weiblich", "NA"]
may_be_missing = true

[[features]]
name = "raucht"
type = "boolean"
may_be_missing = true
"""
NAMES = ("Größe, cm", "Alter", "Geschlecht", "raucht")


def table_text(delimiter: str = ",") -> str:
    """Return the table that the model is trained on."""
    generator = np.random.default_rng(0)
    text = [delimiter.join([f'"{NAMES[0]}"', *NAMES[1:], "Diagnose", "Nr"])]
    for number in range(120):
        cells = [
            f"{generator.uniform(150, 200):.1f}",
            generator.choice(["-9", *map(str, range(20, 90))]),
            generator.choice(["männlich", "weiblich", "NA", "unbekannt", "?", ""]),
            generator.choice(["true", "false", "unbekannt", "NaN"]),
            generator.choice(["gutartig", "bösartig"]),
            str(number),
        ]
        text.append(delimiter.join(cells))
    return "\n".join([*text, ""])


def train_german(folder: Path, table: bytes | None = None) -> Path:
    """Train the model, and return the path of its artifact.

    Args:
        folder: An empty folder.
        table: Another spelling of the table.
    """
    (folder / "befund.toml").write_text(RECIPE, "utf-8")
    (folder / "befund.csv").write_bytes(table_text().encode() if table is None else table)
    path = folder / "befund.joblib"
    artifact.save(train(load_recipe(str(folder / "befund.toml"))).predictor, path)
    return path
