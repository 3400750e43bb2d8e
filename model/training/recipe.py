"""A recipe: one TOML file that says which table, which network and how to train it.

`extends` names another recipe; what a file says itself then overrides that one, key by key. A table
that names another thing, as {name = "adam"} does, replaces the whole of what was there.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from model.errors import NetworkError, RecipeError
from model.network.description import construct
from model.network.layers import Layer, layer_from
from model.network.network import Network as NumpyNetwork
from model.network.tasks import TASKS
from model.schema import Feature, Label, Schema
from model.training.training import Training

BUNDLED = Path(__file__).parent.parent / "recipes"

# TOML has types of its own, so a section takes them as they are ("5" and true are no numbers); but
# it has neither paths nor tuples.
RowRange = Annotated[tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]], Strict(False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Data(_Section):
    """The table: a CSV with a header row, its path relative to the recipe."""

    file: Annotated[Path, Strict(False)]
    target: str
    negative: Label
    positive: Label
    missing: Literal["drop"] = "drop"


class Split(_Section):
    """Rows [first, end) that train and that validate, counted after incomplete rows are dropped."""

    train: RowRange
    validation: RowRange

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, (first, end) in (("train", self.train), ("validation", self.validation)):
            if first >= end:
                raise ValueError(f"{name} must be [first, end] with first below end")
        if self.train[0] < self.validation[1] and self.validation[0] < self.train[1]:
            raise ValueError("train and validation must not share rows")
        return self


class Scaling(_Section):
    """How inputs are scaled, and on which rows the scaler is fitted."""

    method: Literal["min-max"] = "min-max"
    fit_on: Literal["train", "all"] = "train"


class Network(_Section):
    """All layers in order, or only the hidden ones: the task's recommended output then follows."""

    layers: list[Any] | None = Field(default=None, min_length=1)
    hidden: list[Any] | None = None
    task: Literal["binary"] = "binary"
    dtype: Literal["float64", "float32"] = "float64"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.layers is None) == (self.hidden is None):
            raise ValueError("needs either layers (all of them) or hidden (all but the output)")
        return self


class Recipe(_Section):
    """A whole recipe, checked."""

    name: Name
    description: str = ""
    intended_use: str = ""
    limits: list[str] = []
    data: Data
    features: Annotated[tuple[Feature, ...], Strict(False)]
    split: Split
    scaling: Scaling = Scaling()
    network: Network
    training: dict[str, Any]  # the fields of model.training.training.Training
    threshold: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.data.target in self.data_schema.names:
            raise ValueError(f"data.target {self.data.target!r} cannot be a feature too")
        return self

    @property
    def data_schema(self) -> Schema:
        """What the trained model will take and answer."""
        data = self.data
        return Schema(features=self.features, negative=data.negative, positive=data.positive)

    def build_network(self) -> NumpyNetwork:
        """The network the recipe describes. Raises RecipeError naming the layer and the rule."""
        network, task = self.network, TASKS[self.network.task]
        key = "layers" if network.hidden is None else "hidden"
        layers: list[Layer] = []
        for index, description in enumerate(getattr(network, key)):
            try:
                layers.append(layer_from(description))
            except NetworkError as error:
                raise RecipeError(f"network.{key}.{index}: {error}") from None
        if network.hidden is not None:
            layers.append(task.output_layer(1))
        try:
            built = NumpyNetwork(layers, len(self.features), task.loss, network.dtype)
        except NetworkError as error:
            raise RecipeError(f"network: {error}") from None
        if built.outputs != 1:
            raise RecipeError(f"network: task {network.task} has 1 output, not {built.outputs}")
        return built

    def build_training(self) -> Training:
        """How the recipe trains. Raises RecipeError naming the key and the rule."""
        try:
            training = construct("training", Training, self.training)
        except NetworkError as error:
            raise RecipeError(str(error)) from None
        return training


def bundled_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in BUNDLED.glob("*.toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """A bundled recipe by name, or any other by the path of its file.

    Raises RecipeError that names the file, the key and the rule.
    """
    path = _locate(name_or_path, BUNDLED)
    try:
        recipe = Recipe.model_validate(_merge(path, seen=()))
        recipe.build_network()
        recipe.build_training()
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error)}") from None
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from None
    return recipe


def _locate(name_or_path: str, bundled: Path) -> Path:
    if name_or_path in bundled_recipes():
        return bundled / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix == ".toml":
        return path
    close = difflib.get_close_matches(name_or_path, bundled_recipes(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(bundled_recipes())}"
    raise RecipeError(f"no recipe {name_or_path!r}: {hint} (or give the path of a .toml file)")


def _merge(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """The file's keys over those of the recipe it extends; its data path made absolute."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError("cannot be read: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # also a number of 5000 digits
        raise RecipeError(f"not TOML: {error}") from None
    real = path.resolve()
    if real in seen:
        raise RecipeError("it extends itself")
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get("file"), str):
        data["file"] = str(path.parent / data["file"])
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if not isinstance(parent, str):
        raise RecipeError("extends: must be the name or path of a recipe")
    base = path.parent / parent if parent.endswith(".toml") else _locate(parent, BUNDLED)
    try:
        return _overlay(_merge(base, (*seen, real)), content)
    except RecipeError as error:
        raise RecipeError(f"extends {parent}: {error}") from None


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and not _renames(value, below):
            value = _overlay(below, value)
        merged[key] = value
    return merged


def _renames(over: dict[str, Any], below: dict[str, Any]) -> bool:
    """Whether a table names another thing, whose numbers are others: {name = "momentum"}."""
    return "name" in over and over["name"] != below.get("name")


def _explain(error: ValidationError) -> str:
    """The first problem: key, rule and, for an unknown key, the nearest right one."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in first["loc"][:-1]:
            if isinstance(part, str):
                section = section.model_fields[part].annotation
            else:
                section = Feature
        names = list(section.model_fields)
        close = difflib.get_close_matches(str(first["loc"][-1]), names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(names)}"
        return f"{key}: unknown key; {hint}"
    if first["type"] == "missing":
        return f"{key}: is required"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    value = first["input"]
    small = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 2**64)
    shown = f", got {value!r}" if small else ""
    return f"{key}: {message}{shown}" if key else message
