"""Recipe: one TOML file that describes the table, the network and the training of a model.

`extends` names another recipe, whose keys the file overrides one by one. A table with another
`name`, such as {name = "adam"}, replaces the inherited table as a whole.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from model.artifacts.safe_read import read_file
from model.errors import ArtifactError, DataError, MalignancyError, NetworkError, RecipeError
from model.network.config import construct
from model.network.layers import layer_from
from model.network.network import Network
from model.network.tasks import TASKS
from model.prediction.encoder import check_transforms, inputs_of, monotone_inputs
from model.prediction.facts import check_facts
from model.prediction.schema import Feature, Schema
from model.training.config import Training
from model.training.recipes.bundled import BUNDLED, bundled_recipes, table_path
from model.training.recipes.sections import (
    Data,
    Decision,
    Ensemble,
    Explanation,
    RecipeFile,
    Scaling,
    Split,
)
from model.training.regularization.augmentation import Mixup
from model.training.regularization.early_stopping import OUT_OF_BAG

CARD = {"description", "intended_use", "limits"}  # keys for the readers of a model card
DEFAULT_THRESHOLD = 0.5
MAX_BYTES = (
    4 << 20
)  # 4 MiB; the recipe becomes part of an artifact's metadata, which has this limit


@dataclass(frozen=True, eq=False)
class Recipe:
    """A compiled recipe: each part of a training, built once.

    Attributes:
        name: Name of the model and of its artifact file.
        facts: Texts of the model card, and all other keys as "recipe", for the artifact's metadata.
        data: The table and its columns.
        schema: The inputs and the target.
        split: The rows that train and validate.
        scaling: Scaling of inputs and targets.
        transforms: The transform of each feature, "" for none.
        network: The untrained network.
        training: How to train it.
        ensemble: None for a single network.
        threshold: Probability above which a row is positive, or the name of an operating point;
            None if the task has no threshold.
        decision: Calibration, costs and refer band.
        explanation: What the model keeps for explanations.
    """

    name: str
    facts: dict[str, Any]
    data: Data
    schema: Schema
    split: Split
    scaling: Scaling
    transforms: tuple[str, ...]
    network: Network
    training: Training
    ensemble: Ensemble | None
    threshold: float | str | None
    decision: Decision
    explanation: Explanation


def load_recipe(name_or_path: str) -> Recipe:
    """Load, validate and compile a recipe.

    Args:
        name_or_path: Name of a bundled recipe, or path of a .toml file.

    Raises:
        RecipeError: If the recipe cannot be used; the text names the file, the key and the rule.
    """
    path = _locate(name_or_path)
    return _compiled(path, lambda: _merge(path, ancestors=()))


def parse_recipe(text: str, path: Path) -> Recipe:
    """Validate and compile the text of a recipe, as `load_recipe` would if it was in a file.

    Args:
        text: The recipe in TOML.
        path: The file that the text is for, by which its data is found.

    Raises:
        RecipeError: If the recipe cannot be used; the text names the file, the key and the rule.
    """
    return _compiled(path, lambda: _inherit(_parsed(text.encode()), path, ancestors=()))


def _compiled(path: Path, merge: Callable[[], dict[str, Any]]) -> Recipe:
    """Return the recipe of merged keys; errors name the file."""
    try:
        return _compile(RecipeFile.model_validate(merge()))
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error)}") from None
    except MalignancyError as error:
        raise RecipeError(f"{path}: {error}") from None


def override(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """Compile a recipe that differs in some keys, as a file that extends it would.

    Args:
        recipe: The recipe.
        overrides: The keys, by table; those of `[data]` remain.

    Raises:
        RecipeError: The result cannot be used; the text names the key and the rule.
    """
    content = _override(recipe.facts["recipe"], overrides)
    try:
        compiled = _compile(RecipeFile.model_validate(content))
    except ValidationError as error:
        raise RecipeError(_explain(error)) from None
    card = {key: recipe.facts[key] for key in CARD}
    return replace(compiled, data=recipe.data, facts={**compiled.facts, **card})


def _locate(name_or_path: str) -> Path:
    names, path = bundled_recipes(), Path(name_or_path)
    if name_or_path in names:
        return BUNDLED / f"{name_or_path}.toml"
    if path.suffix == ".toml":
        return path
    close = difflib.get_close_matches(name_or_path, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the bundled ones are {', '.join(names)}"
    raise RecipeError(f"no recipe {name_or_path!r}: {hint} (or give the path of a .toml file)")


def _merge(path: Path, ancestors: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and merge its keys over those of the recipe that it extends.

    The path of its data becomes relative to the working directory, or absolute.
    """
    try:
        content = read_file(path, MAX_BYTES)
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}") from None
    except ArtifactError as error:
        raise RecipeError(f"cannot be read: {error}") from None
    return _inherit(_parsed(content), path, ancestors)


def _parsed(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise RecipeError(f"must have at most {MAX_BYTES} bytes, it has {len(content)}")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise RecipeError("cannot be read: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # also a number of 5000 digits
        raise RecipeError(f"not TOML: {error}") from None


def _inherit(content: dict[str, Any], path: Path, ancestors: tuple[Path, ...]) -> dict[str, Any]:
    """Merge a file's keys over those of the recipe that it extends; see `_merge`."""
    real = path.resolve()
    if real in ancestors:
        raise RecipeError("it extends itself: remove extends from one of the files")
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get("file"), str):
        data["file"] = str(table_path(path, data["file"]))
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if not isinstance(parent, str):
        raise RecipeError("extends: must be the name or path of a recipe")
    base = path.parent / parent if parent.endswith(".toml") else _locate(parent)
    try:
        return _override(_merge(base, (*ancestors, real)), content)
    except RecipeError as error:
        raise RecipeError(f"extends {parent}: {error}") from None


def _override(base: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in content.items():
        inherited = merged.get(key)
        if not isinstance(value, dict) or not isinstance(inherited, dict):
            merged[key] = value
        else:
            merged[key] = value if _replaces(value, inherited) else _override(inherited, value)
    return merged


def _replaces(table: Mapping[str, Any], inherited: Mapping[str, Any]) -> bool:
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
        section: Any = RecipeFile
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


def _compile(file: RecipeFile) -> Recipe:
    schema = Schema(
        features=tuple(map(file.data.with_defaults, file.features)),
        target=file.data.build_target(file.task),
        missing_values=tuple(file.data.missing_values),
        decimal=file.data.decimal,
    )
    columns = [("data.target", column) for column in file.data.targets]
    for key, column in (*columns, ("split.column", file.split.column)):
        if column in schema.sources:
            raise RecipeError(f"{key} {column!r} cannot be a feature too: remove one of them")
    threshold = file.threshold
    if schema.target.has_threshold:
        threshold = DEFAULT_THRESHOLD if threshold is None else threshold
    elif threshold is not None:
        raise RecipeError(f"threshold: task {file.task} has none, remove this key")
    _check_out_of_bag_needs(file)
    settings = file.model_dump(mode="json", exclude=CARD)
    settings["data"]["file"] = file.data.file.name
    facts = {**file.model_dump(include=CARD), "recipe": settings}
    # What the artifact would refuse is refused before the training; other numbers make it diverge.
    check_facts({"recipe": {key: settings[key] for key in ("data", "features")}})
    return Recipe(
        name=file.name,
        facts=facts,
        data=file.data,
        schema=schema,
        split=file.split,
        scaling=file.scaling,
        transforms=_transforms(file.scaling.transform, schema),
        network=_network(file, schema),
        training=_training(file.training, file.ensemble),
        ensemble=file.ensemble,
        threshold=threshold,
        decision=file.decision,
        explanation=file.explanation,
    )


def _check_out_of_bag_needs(file: RecipeFile) -> None:
    """Reject keys that need out-of-bag predictions, or another task, if the recipe has none."""
    is_bagged = file.ensemble is not None and file.ensemble.bagged
    if file.split.is_out_of_bag and not is_bagged:
        raise RecipeError("split.validation: out-of-bag needs an ensemble that is bagged")
    if file.task == "binary" and is_bagged:
        return
    decision, needs = file.decision, "needs task binary, and an ensemble that is bagged"
    if isinstance(file.threshold, str):
        raise RecipeError(f"threshold: {file.threshold} {needs}")
    has_calibration = file.task in ("multi_class", "multi_label") and is_bagged
    if not has_calibration and decision.calibration in ("temperature", "choose"):
        rule = "needs a task with classes or labels, and an ensemble that is bagged"
        raise RecipeError(f"decision.calibration: {decision.calibration} {rule}")
    if decision.calibration in ("logistic", "isotonic"):
        raise RecipeError(f"decision.calibration: {decision.calibration} {needs}")
    for threshold in decision.refer:
        if isinstance(threshold, str):
            raise RecipeError(f"decision.refer: {threshold} {needs}")
    if decision.refer and file.task != "binary":
        raise RecipeError("decision.refer: is for task binary")


def _transforms(given: str | dict[str, str], schema: Schema) -> tuple[str, ...]:
    """Return the transform of each feature, "" for none."""
    transforms = dict.fromkeys(schema.names, "")
    if isinstance(given, str):
        numbers = ("integer", "number")
        given = {each.name: given for each in schema.features if each.type in numbers}
    try:
        for name in given:
            if name not in transforms:
                raise DataError(f"unknown feature {name!r}")
        transforms |= given
        check_transforms(schema, tuple(transforms.values()))
    except DataError as error:
        raise RecipeError(f"scaling.transform: {error}") from None
    return tuple(transforms.values())


def _network(file: RecipeFile, schema: Schema) -> Network:
    section, task, outputs = file.network, TASKS[file.task], len(schema.target.names)
    key = "layers" if section.hidden is None else "hidden"
    layers = []
    for index, description in enumerate(getattr(section, key)):
        try:
            layers.append(layer_from(description))
        except NetworkError as error:
            raise RecipeError(f"network.{key}.{index}: {error}") from None
    if section.hidden is not None:
        layers.append(task.output_layer(outputs))
    loss = task.loss if section.loss is None else section.loss
    try:
        inputs = inputs_of(schema, file.scaling.intervals)
        monotone = monotone_inputs(schema, file.scaling.intervals)
        network = Network(layers, inputs, loss, section.dtype, section.channels, monotone)
    except NetworkError as error:
        raise RecipeError(f"network: {error}") from None
    if network.outputs != outputs:
        needs = f"{outputs} output{'s' if outputs > 1 else ''}"
        raise RecipeError(
            f"network: task {file.task} needs {needs}, the last layer has {network.outputs}"
        )
    if network.loss.name not in task.losses:
        known = " or ".join(task.losses)
        raise RecipeError(f"network.loss: must be {known} for task {file.task}")
    return network


def _training(fields: dict[str, Any], ensemble: Ensemble | None) -> Training:
    training = construct("training", Training, fields)
    if ensemble is not None and len(training.rates) > 1:
        raise RecipeError("training.learning_rate must be one number for all members")
    bagged = ensemble is not None and ensemble.bagged
    stopping = training.early_stopping
    if stopping is not None and stopping.rows == OUT_OF_BAG and not bagged:
        raise RecipeError(f"training.early_stopping: rows {OUT_OF_BAG} needs a bagged ensemble")
    if bagged and any(isinstance(each, Mixup) for each in training.augmentation):
        # Mixup ignores the weight of a row's partner, so members would learn from it.
        rule = "mixes rows that are out of a member's bag into it: set ensemble.bagged"
        raise RecipeError(f"training.augmentation: mixup {rule} to false, or remove mixup")
    return training
