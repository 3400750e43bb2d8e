"""Small models of every task for the tests of the page, with features of every type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.artifacts import artifact
from model.pipelines.train import train
from model.prediction.predictor import SelfTest
from model.training.recipes.recipe import load_recipe

ROWS = 240
TRAINING = """
split = { validation = 0.25 }
network = { hidden = [{ units = 4, activation = "tanh" }] }
training = { optimizer = "adam", learning_rate = 0.03, epochs = 8, batch_size = 32 }
ensemble = { members = 4, folds = 2 }
"""
Spec = dict[str, Any]
FEATURES: tuple[Spec, ...] = (
    {"name": "age", "type": "integer", "minimum": 20, "maximum": 90, "unit": "years"},
    {"name": "cholesterol", "minimum": 50, "maximum": 600, "unit": "mg/dL", "may_be_missing": True},
    {"name": "pain", "type": "category", "categories": ["none", "typical", "atypical"]},
    {"name": "ward", "type": "category", "categories": [f"ward {n}" for n in range(9)]},
    {"name": "vessels", "type": "integer", "minimum": 0, "maximum": 3, "may_be_missing": True},
    {"name": "smokes", "type": "boolean", "may_be_missing": True},
    {"name": "exercise", "type": "boolean"},
)
MARKUP = "<img src=x onerror=alert(1)>"
HOSTILE: tuple[Spec, ...] = (
    {"name": MARKUP, "minimum": 0, "maximum": 10, "unit": "<b>mm</b>", "description": MARKUP},
    {"name": "say \"hi\", 'you' & <script>alert(2)</script>", "type": "boolean"},
    {"name": "白血球の数", "type": "integer", "minimum": 1, "maximum": 5},
    {"name": "גיל החולה", "type": "integer", "minimum": 1, "maximum": 200},
    {"name": "نوع العينة", "type": "category", "categories": ["أول", '"ثان"', "{{x}}", "${y}"]},
)


@dataclass(frozen=True)
class Table:
    """A table with random rows, and the task of its recipe.

    Attributes:
        name: The name of the model.
        task: The task.
        targets: The names of the target columns.
        values: The two labels, negative first, or the classes.
        features: The features, as in a recipe.
    """

    name: str
    task: str
    targets: tuple[str, ...]
    values: tuple[str, ...] = ()
    features: tuple[Spec, ...] = FEATURES

    def lines(self) -> list[list[str]]:
        """Return the header and the rows; the targets follow from the features, and chance."""
        generator = np.random.default_rng(0)
        columns = [_cells(feature, generator) for feature in self.features]
        score = np.sum([_ranks(column) for column in columns[:3]], axis=0)
        targets = [self._target(score + generator.normal(0, 0.4, ROWS)) for _ in self.targets]
        header = [*(feature["name"] for feature in self.features), *self.targets]
        return [header, *map(list, zip(*columns, *targets, strict=True))]

    def recipe(self) -> dict[str, dict[str, Any]]:
        """Return the sections of the recipe that depend on the table."""
        target = self.targets if len(self.targets) > 1 else self.targets[0]
        data = {"file": f"{self.name}.csv", "missing": "median", "target": target}
        if self.task == "binary":
            data |= dict(zip(("negative", "positive"), self.values, strict=True))
        elif self.task == "multi_class":
            data["classes"] = self.values
        elif self.task == "regression":
            data["unit"] = "mg"
        return {"": {"name": self.name, "task": self.task}, "data": data}

    def _target(self, score: Array) -> list[str]:
        if self.task in ("regression", "non_negative"):
            return [f"{abs(30 * each):.3f}" for each in score]
        values = self.values or ("false", "true")
        ends = np.quantile(score, np.linspace(0, 1, len(values) + 1)[1:-1])
        return [values[place] for place in np.searchsorted(ends, score)]


LABELS: Final = ("healthy", "ill")
QUOTED: Final = ('it\'s "not"', "<b>yes</b> & „sure“")
WIDE: Final[tuple[Spec, ...]] = tuple(
    {"name": f"gene {number} expression", "minimum": 0, "maximum": 9} for number in range(100)
)
TABLES: Final = (
    Table("heart", "binary", ("outcome",), LABELS),
    Table("classes", "multi_class", ("grade",), ("low", 'middle "b"', "high")),
    Table("labels", "multi_label", ("fever", "cough")),
    Table("dose", "regression", ("dose",)),
    Table("visits", "non_negative", ("days", "visits")),
    Table("hostile", "binary", ("outcome",), QUOTED, HOSTILE),
    Table("wide", "binary", ("outcome",), LABELS, WIDE),
)


def train_table(table: Table, folder: Path) -> Path:
    """Train a model of a table, and return the path of its artifact.

    Args:
        table: The table.
        folder: The folder for the table, the recipe and the artifact.
    """
    lines = (",".join(map(_quoted, line)) for line in table.lines())
    (folder / f"{table.name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    sections = table.recipe()
    recipe = [*_assignments(sections[""]), TRAINING, "[data]", *_assignments(sections["data"])]
    for feature in table.features:
        recipe += ["[[features]]", *_assignments(feature)]
    path = folder / f"{table.name}.toml"
    path.write_text("\n".join(recipe), encoding="utf-8")
    written = folder / f"{table.name}.joblib"
    artifact.save(train(load_recipe(str(path))).predictor, written)
    return written


def write_other_version(path: Path, other: Path) -> None:
    """Write an artifact of the same model with other weights.

    Args:
        path: The artifact.
        other: The path of the new artifact.
    """
    predictor = artifact.load(path)
    changed = replace(predictor, theta=predictor.theta * 0.9)
    rows = predictor.self_test.rows
    artifact.save(replace(changed, self_test=SelfTest(rows, changed.predict(rows))), other)


def _cells(feature: Spec, generator: np.random.Generator) -> list[str]:
    kind = feature.get("type", "number")
    if kind in ("category", "boolean"):
        values = [*generator.choice(feature.get("categories", ["true", "false"]), ROWS)]
    else:
        numbers = generator.uniform(feature["minimum"], feature["maximum"], ROWS)
        values = [f"{each:.{0 if kind == 'integer' else 2}f}" for each in numbers]
    gaps = generator.random(ROWS) < (0.1 if feature.get("may_be_missing") else 0)
    return ["" if gap else str(each) for each, gap in zip(values, gaps, strict=True)]


def _ranks(column: list[str]) -> Array:
    """Return the places of cells in their order, from 0 to 1."""
    try:
        keys = np.array([float(each or 0) for each in column])
    except ValueError:
        keys = np.array(column)
    _, places = np.unique(keys, return_inverse=True)
    return np.asarray(places / max(places.max(), 1))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _assignments(values: Mapping[str, object]) -> list[str]:
    """Return lines of TOML, whose texts, numbers and lists are written as in JSON."""
    return [f"{key} = {json.dumps(each, ensure_ascii=False)}" for key, each in values.items()]
