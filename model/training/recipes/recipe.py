"""A recipe: one TOML file that says which table, which network and how to train it.

`extends` names another recipe; what a file says itself then overrides that one, key by key. A table
that names another thing, as {name = "adam"} does, replaces the whole of what was there.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, Strict, ValidationError, field_validator, model_validator

from model.errors import DataError, NetworkError, RecipeError
from model.network.config import construct
from model.network.layers import Layer, layer_from
from model.network.network import Network as NumpyNetwork
from model.network.tasks import TASKS
from model.prediction.encoder import check_transforms, inputs_of
from model.prediction.schema import Feature, Schema
from model.training.config import Training
from model.training.recipes.sections import (
    Data,
    Decision,
    Ensemble,
    Name,
    Network,
    Scaling,
    Section,
    Split,
    threshold_of,
)
from model.training.regularization.augmentation import Mixup

BUNDLED = Path(__file__).parents[2] / "recipes"


class Recipe(Section):
    """A whole recipe, checked."""

    name: Name
    task: Literal["binary", "multi_class", "multi_label", "regression", "non_negative"] = "binary"
    description: str = ""
    intended_use: str = ""
    limits: list[str] = Field(default=[])
    data: Data
    features: Annotated[tuple[Feature, ...], Strict(False)]
    split: Split
    scaling: Scaling = Scaling()
    network: Network
    training: dict[str, Any]  # the fields of model.training.config.Training
    ensemble: Ensemble | None = None
    threshold: Any = None
    decision: Decision = Decision()

    @field_validator("threshold")
    @classmethod
    def _check_threshold(cls, given: object) -> object:
        return None if given is None else threshold_of(given)

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema = self.data_schema
        columns = [("data.target", column) for column in self.data.targets]
        for key, column in (*columns, ("split.column", self.split.column)):
            if column in schema.names:
                raise ValueError(f"{key} {column!r} cannot be a feature too")
        if self.threshold is not None and not schema.target.has_threshold:
            raise ValueError(f"threshold: task {self.task} has none")
        self._check_out_of_bag()
        try:
            check_transforms(schema, self.transforms)
        except DataError as error:
            raise ValueError(f"scaling.transform: {error}") from None
        return self

    def _check_out_of_bag(self) -> None:
        """Refuse what is told by rows out of bag where there are none."""
        if self.task == "binary" and self.ensemble is not None and self.ensemble.bagged:
            return
        decision, needs = self.decision, "needs task binary, and an ensemble that is bagged"
        if isinstance(self.threshold, str):
            raise ValueError(f"threshold: {self.threshold} {needs}")
        if decision.calibration != "none":
            raise ValueError(f"decision.calibration: {decision.calibration} {needs}")
        for each in decision.refer:
            if isinstance(each, str):
                raise ValueError(f"decision.refer: {each} {needs}")
        if decision.refer and self.task != "binary":
            raise ValueError("decision.refer: is for task binary")

    @property
    def transforms(self) -> tuple[str, ...]:
        """Each feature's transform, "" for none. Raises DataError for one of no feature."""
        given, features = self.scaling.transform, self.features
        if isinstance(given, str):
            return tuple(given if each.type in ("integer", "number") else "" for each in features)
        names = [feature.name for feature in features]
        for name in given:
            if name not in names:
                raise DataError(f"there is no feature {name!r}")
        return tuple(given.get(name, "") for name in names)

    @property
    def data_schema(self) -> Schema:
        """What the trained model will take and answer."""
        return Schema(features=self.features, target=self.data.target_of(self.task))

    def build_network(self) -> NumpyNetwork:
        """The network the recipe describes. Raises RecipeError naming the layer and the rule."""
        network, task, outputs = self.network, TASKS[self.task], len(self.data_schema.target.names)
        key = "layers" if network.hidden is None else "hidden"
        layers: list[Layer] = []
        for index, description in enumerate(getattr(network, key)):
            try:
                layers.append(layer_from(description))
            except NetworkError as error:
                raise RecipeError(f"network.{key}.{index}: {error}") from None
        if network.hidden is not None:
            layers.append(task.output_layer(outputs))
        try:
            inputs = inputs_of(self.data_schema)
            loss = task.loss if network.loss is None else network.loss
            built = NumpyNetwork(layers, inputs, loss, network.dtype, network.channels)
        except NetworkError as error:
            raise RecipeError(f"network: {error}") from None
        if built.outputs != outputs:
            needs = f"{outputs} output{'s' if outputs > 1 else ''}"
            raise RecipeError(f"network: task {self.task} has {needs}, not {built.outputs}")
        if built.loss.name not in task.losses:
            known = " or ".join(task.losses)
            raise RecipeError(f"network.loss: of task {self.task} must be {known}")
        return built

    def build_training(self) -> Training:
        """How the recipe trains. Raises RecipeError naming the key and the rule."""
        try:
            training = construct("training", Training, self.training)
            if self.ensemble is not None and len(training.rates) > 1:
                raise NetworkError("training.learning_rate must be one number for all members")
            bagged = self.ensemble is not None and self.ensemble.bagged
            if bagged and any(isinstance(each, Mixup) for each in training.augmentation):
                # A partner's own weight does not count: members would learn from it all the same.
                rule = "mixes rows that are out of a member's bag into it: set ensemble.bagged"
                raise NetworkError(f"training.augmentation: mixup {rule} to false, or leave it out")
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
    """Whether a table is of another thing, which has other keys: {name = "momentum"}.

    So is a split that validates another way, and a network that gives its layers another way.
    """
    if "name" in over:
        return bool(over["name"] != below.get("name"))
    validation, ways = over.get("validation"), {"layers", "hidden"}
    if validation is not None and type(validation) is not type(below.get("validation")):
        return True
    return bool(ways & set(over) and not ways & set(over) & set(below))


def _explain(error: ValidationError) -> str:
    """The first problem: key, rule and, for an unknown key, the nearest right one.

    A key that is missing may be there by a wrong name: that is then told.
    """
    first, *others = error.errors(include_url=False)
    for other in others:
        beside = other["loc"][:-1] == first["loc"][:-1]
        if beside and (first["type"], other["type"]) == ("missing", "extra_forbidden"):
            first = other
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in first["loc"][:-1]:
            if isinstance(part, str):
                given = section.model_fields[part].annotation
                section = next(iter(get_args(given)), given)  # of one that may be left out
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
    shown = f", got {value!r:.80}" if small else ""
    return f"{key}: {message}{shown}" if key else message
