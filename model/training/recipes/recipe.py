"""Recipe: one TOML file that describes the table, the network and the training of a model.

`extends` names another recipe, whose keys the file overrides one by one. A table with another
`name`, such as {name = "adam"}, replaces the inherited table as a whole.
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
    parse_threshold,
)
from model.training.regularization.augmentation import Mixup

BUNDLED = Path(__file__).parents[2] / "recipes"


class Recipe(Section):
    """A validated recipe.

    Attributes:
        name: Name of the model and of its artifact file.
        task: What the model predicts.
        description: Text of the model card.
        intended_use: Text of the model card.
        limits: Texts of the model card.
        data: The table and its columns.
        features: The inputs, in the network's order.
        split: The rows that train and validate.
        scaling: Scaling of the inputs.
        network: The layers.
        training: Fields of `model.training.config.Training`.
        ensemble: None for a single network.
        threshold: Probability above which a row is positive; a number or an operating point.
        decision: Calibration, costs and refer band.
    """

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
    training: dict[str, Any]
    ensemble: Ensemble | None = None
    threshold: Any = None
    decision: Decision = Decision()

    @field_validator("threshold")
    @classmethod
    def _check_threshold(cls, given: object) -> object:
        return None if given is None else parse_threshold(given)

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema = self.data_schema
        columns = [("data.target", column) for column in self.data.targets]
        for key, column in (*columns, ("split.column", self.split.column)):
            if column in schema.names:
                raise ValueError(f"{key} {column!r} cannot be a feature too: remove one of them")
        if self.threshold is not None and not schema.target.has_threshold:
            raise ValueError(f"threshold: task {self.task} has none, remove this key")
        self._check_out_of_bag_needs()
        try:
            check_transforms(schema, self.transforms)
        except DataError as error:
            raise ValueError(f"scaling.transform: {error}") from None
        return self

    def _check_out_of_bag_needs(self) -> None:
        """Reject keys that need out-of-bag predictions if the recipe has none."""
        if self.task == "binary" and self.ensemble is not None and self.ensemble.bagged:
            return
        decision, needs = self.decision, "needs task binary, and an ensemble that is bagged"
        if isinstance(self.threshold, str):
            raise ValueError(f"threshold: {self.threshold} {needs}")
        if decision.calibration != "none":
            raise ValueError(f"decision.calibration: {decision.calibration} {needs}")
        for threshold in decision.refer:
            if isinstance(threshold, str):
                raise ValueError(f"decision.refer: {threshold} {needs}")
        if decision.refer and self.task != "binary":
            raise ValueError("decision.refer: is for task binary")

    @property
    def transforms(self) -> tuple[str, ...]:
        """The transform of each feature, "" for none.

        Raises:
            DataError: If a transform is given for an unknown feature.
        """
        given, features = self.scaling.transform, self.features
        if isinstance(given, str):
            return tuple(given if each.type in ("integer", "number") else "" for each in features)
        names = [feature.name for feature in features]
        for name in given:
            if name not in names:
                raise DataError(f"unknown feature {name!r}")
        return tuple(given.get(name, "") for name in names)

    @property
    def data_schema(self) -> Schema:
        """The inputs and the target of the trained model."""
        return Schema(features=self.features, target=self.data.build_target(self.task))

    def build_network(self) -> NumpyNetwork:
        """Build the network.

        Raises:
            RecipeError: If a layer, the loss or the number of outputs is invalid; the text names
                the key and the rule.
        """
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
            raise RecipeError(
                f"network: task {self.task} needs {needs}, the last layer has {built.outputs}"
            )
        if built.loss.name not in task.losses:
            known = " or ".join(task.losses)
            raise RecipeError(f"network.loss: must be {known} for task {self.task}")
        return built

    def build_training(self) -> Training:
        """Build the description of the training.

        Raises:
            RecipeError: If a value is invalid; the text names the key and the rule.
        """
        try:
            training = construct("training", Training, self.training)
            if self.ensemble is not None and len(training.rates) > 1:
                raise NetworkError("training.learning_rate must be one number for all members")
            bagged = self.ensemble is not None and self.ensemble.bagged
            if bagged and any(isinstance(each, Mixup) for each in training.augmentation):
                # Mixup ignores the weight of a row's partner, so members would learn from it.
                rule = "mixes rows that are out of a member's bag into it: set ensemble.bagged"
                raise NetworkError(f"training.augmentation: mixup {rule} to false, or remove mixup")
        except NetworkError as error:
            raise RecipeError(str(error)) from None
        return training


def bundled_recipes() -> list[str]:
    """Return the names of the recipes that the package contains, sorted."""
    return sorted(path.stem for path in BUNDLED.glob("*.toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Load and validate a recipe.

    Args:
        name_or_path: Name of a bundled recipe, or path of a .toml file.

    Raises:
        RecipeError: If the recipe cannot be used; the text names the file, the key and the rule.
    """
    path = _locate(name_or_path, BUNDLED)
    try:
        recipe = Recipe.model_validate(_merge(path, ancestors=()))
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
    names = bundled_recipes()
    close = difflib.get_close_matches(name_or_path, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the bundled ones are {', '.join(names)}"
    raise RecipeError(f"no recipe {name_or_path!r}: {hint} (or give the path of a .toml file)")


def _merge(path: Path, ancestors: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and merge its keys over those of the recipe that it extends.

    The path of its data becomes relative to the working directory, or absolute.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError("cannot be read: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # also a number of 5000 digits
        raise RecipeError(f"not TOML: {error}") from None
    real = path.resolve()
    if real in ancestors:
        raise RecipeError("it extends itself: remove extends from one of the files")
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
        return _override(_merge(base, (*ancestors, real)), content)
    except RecipeError as error:
        raise RecipeError(f"extends {parent}: {error}") from None


def _override(base: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in content.items():
        inherited = merged.get(key)
        if not isinstance(value, dict) or not isinstance(inherited, dict):
            merged[key] = value
        else:
            merged[key] = value if _replaces(value, inherited) else _override(inherited, value)
    return merged


def _replaces(table: dict[str, Any], inherited: dict[str, Any]) -> bool:
    """Return whether a table replaces the inherited one as a whole.

    It does if it describes another kind, which has other keys: another `name` (such as another
    optimizer), another type of split.validation, or `layers` instead of `hidden`.
    """
    if "name" in table:
        return bool(table["name"] != inherited.get("name"))
    validation, layer_keys = table.get("validation"), {"layers", "hidden"}
    if validation is not None and type(validation) is not type(inherited.get("validation")):
        return True
    return bool(layer_keys & set(table) and not layer_keys & set(table) & set(inherited))


def _explain(error: ValidationError) -> str:
    """Return the first problem: the key, the rule and, for an unknown key, the closest known one.

    If a required key is missing and an unknown one is beside it, the key is probably misspelled,
    so the unknown one is reported.
    """
    first, *others = error.errors(include_url=False)
    for other in others:
        is_beside = other["loc"][:-1] == first["loc"][:-1]
        if is_beside and (first["type"], other["type"]) == ("missing", "extra_forbidden"):
            first = other
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for part in first["loc"][:-1]:
            if isinstance(part, str):
                annotation = section.model_fields[part].annotation
                section = next(iter(get_args(annotation)), annotation)  # of Ensemble | None
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
    is_short = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 2**64)
    shown = f", got {value!r:.80}" if is_short else ""
    return f"{key}: {message}{shown}" if key else message
