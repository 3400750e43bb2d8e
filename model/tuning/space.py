"""The search space: a few settings of a recipe, each with a range around the recipe's own value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from model.network.monotone import NON_DECREASING
from model.training.recipes.recipe import Recipe

Value = float | int | str
Values = Mapping[str, Value]

ACTIVATIONS: Final = ("relu", "tanh", "gelu", "swish")
BATCH_SIZES: Final = (16, 32, 64, 128, 256)
MAX_UNITS: Final = 128
INTERVALS: Final = (0, 8, 16, 32)  # 0 for none
DIGITS: Final = 3  # significant digits of a number, so that the recipe is readable


@dataclass(frozen=True)
class Range:
    """A numeric setting.

    Attributes:
        low: Smallest value.
        high: Largest value.
        own: The recipe's own value, or the nearest one within the range.
        is_log: Search the logarithm uniformly, not the value.
        is_whole: Whole numbers only.
    """

    low: float
    high: float
    own: float
    is_log: bool = False
    is_whole: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", min(max(self.own, self.low), self.high))


@dataclass(frozen=True)
class Choice:
    """A setting with a few values.

    Attributes:
        values: The values; the recipe's own is one of them.
        own: The recipe's own value.
    """

    values: Sequence[Value]
    own: Value


@dataclass(frozen=True)
class Space:
    """The settings that a search varies.

    Attributes:
        settings: Range or choice of each setting, by name.
        network: The description of the recipe's hidden layers, if the search varies them.
        optimizer: The name of the recipe's optimizer if its table is overridden, else "".
    """

    settings: Mapping[str, Range | Choice]
    network: "HiddenLayers | None"
    optimizer: str = ""

    def own(self) -> dict[str, Value]:
        """Return the recipe's own values, or the nearest ones in the space."""
        return {
            name: int(each.own) if isinstance(each, Range) and each.is_whole else each.own
            for name, each in self.settings.items()
        }

    def overrides(self, values: Values) -> dict[str, Any]:
        """Return the keys of a recipe that has these values, by table.

        Args:
            values: A value of each setting.
        """
        rounded = {name: _rounded(value) for name, value in values.items()}
        training: dict[str, Any] = {}
        optimizer: dict[str, Any] = {}
        scaling: dict[str, Any] = {}
        for name, value in rounded.items():
            table, _, key = name.rpartition(".")
            if table == "training.optimizer":
                optimizer[key] = value
            elif name == "training.jitter":
                jitter = {"name": "jitter", "standard_deviation": value}
                training["augmentation"] = [jitter] if value else []
            elif table == "training":
                training[key] = value
            elif table == "scaling":
                scaling[key] = value
        if optimizer:
            training["optimizer"] = {"name": self.optimizer, **optimizer}
        overrides: dict[str, Any] = {"scaling": scaling} if scaling else {}
        if self.network is not None:
            overrides["network"] = {"hidden": self.network.described(rounded)}
        return {**overrides, "training": training}


@dataclass(frozen=True)
class HiddenLayers:
    """Hidden layers that end in a stack of dense layers, perhaps with dropout.

    Attributes:
        before: Descriptions of the layers before the stack, which a search keeps.
        dense: Description of the stack's first dense layer; its other fields are kept.
        depth: Number of dense layers.
        units: Most units of a dense layer.
        dropout: Largest rate of a dropout layer, 0 without one.
        activations: Names of the activations to try.
    """

    before: Sequence[Any]
    dense: Mapping[str, Any]
    depth: int
    units: int
    dropout: float
    activations: Sequence[str] = ACTIVATIONS

    @property
    def activation(self) -> str | None:
        """The name of the first dense layer's activation."""
        given = self.dense.get("activation")
        return given["name"] if isinstance(given, Mapping) else given

    def settings(self) -> dict[str, Range | Choice]:
        """Return the settings of the stack."""
        found: dict[str, Range | Choice] = {
            "network.layers": Range(1, max(3, self.depth), self.depth, is_whole=True),
            "network.units": Range(
                max(4, self.units // 4),
                max(self.units, min(4 * self.units, MAX_UNITS)),
                self.units,
                is_log=True,
                is_whole=True,
            ),
            "network.dropout": Range(0.0, max(0.4, self.dropout), self.dropout),
        }
        if self.activation is not None:
            known = dict.fromkeys((self.activation, *self.activations))
            found["network.activation"] = Choice(tuple(known), self.activation)
        return found

    def described(self, values: Values) -> list[Any]:
        """Return the descriptions of all hidden layers, of a recipe that has these values.

        Args:
            values: A value of each setting.
        """
        dense = {**self.dense, "units": values["network.units"]}
        activation = values.get("network.activation")
        if activation != self.activation:
            dense["activation"] = activation
        rate = values["network.dropout"]
        dropout = [{"name": "dropout", "rate": rate}] if rate else []
        return [*self.before, *([dense, *dropout] * int(values["network.layers"]))]


def search_space(recipe: Recipe, rows: int) -> Space:
    """Return the settings that are worth a search.

    Always the learning rate, from a tenth to ten times the recipe's own, and the penalty on large
    weights. The batch size if the table is large enough, the size of noise on the inputs unless the
    recipe has another augmentation, the intervals of numbers if it has any, and the hidden layers
    if they end in dense ones.

    Args:
        recipe: The recipe.
        rows: Number of rows of its table.
    """
    section: Mapping[str, Any] = recipe.facts["recipe"]["training"]
    training, optimizer = recipe.training, recipe.training.optimizer
    described = section["optimizer"]
    is_table = isinstance(described, Mapping)
    settings: dict[str, Range | Choice] = {}
    hidden = _hidden_layers(recipe.facts["recipe"]["network"]["hidden"] or [])
    if hidden is not None and recipe.network.monotone:
        usable = [name for name in ACTIVATIONS if name in NON_DECREASING]
        hidden = replace(hidden, activations=usable)
    if hidden is not None:
        settings |= hidden.settings()
    if len(training.rates) == 1:
        [rate] = training.rates
        key = "optimizer.learning_rate" if "learning_rate" in _table(described) else "learning_rate"
        settings[f"training.{key}"] = Range(rate / 10, rate * 10, rate, is_log=True)
    decay = getattr(optimizer, "weight_decay", 0.0)
    if decay:
        settings["training.optimizer.weight_decay"] = _strength(decay)
    else:
        settings["training.l2"] = _strength(training.l2)
    sizes = [size for size in BATCH_SIZES if size <= rows // 4]
    if sizes:
        own = training.batch_size
        known = dict.fromkeys((*sizes, own))
        numbers = sorted(size for size in known if isinstance(size, int))
        settings["training.batch_size"] = Choice(
            (*numbers, *(size for size in known if isinstance(size, str))), own
        )
    intervals = recipe.scaling.intervals
    if intervals:
        settings["scaling.intervals"] = Choice(sorted({*INTERVALS, intervals}), intervals)
    kinds = [_table(each).get("name", each) for each in section.get("augmentation", [])]
    if kinds in ([], ["jitter"]):
        own_noise = section["augmentation"][0]["standard_deviation"] if kinds else 0.0
        settings["training.jitter"] = Range(0.0, max(0.5, own_noise), own_noise)
    name = optimizer.name if is_table or decay else ""
    return Space(settings, hidden, name)


def _hidden_layers(described: Sequence[Any]) -> HiddenLayers | None:
    """Return the stack at the end of the hidden layers; None if they do not end in one."""
    tables = [_table(each) for each in described]
    kinds = [each.get("name", "dense") for each in tables]
    first = next((at for at, kind in enumerate(kinds) if kind == "dense"), len(kinds))
    if first == len(kinds) or not set(kinds[first:]) <= {"dense", "dropout"}:
        return None
    pairs = list(zip(kinds[first:], tables[first:], strict=True))
    dense = [table for kind, table in pairs if kind == "dense"]
    rates = [table["rate"] for kind, table in pairs if kind == "dropout"]
    units = max(table["units"] for table in dense)
    return HiddenLayers(described[:first], dense[0], len(dense), units, max(rates, default=0.0))


def _table(described: Any) -> Mapping[str, Any]:
    """Return plain data as a table; a name is a table of that name."""
    return described if isinstance(described, Mapping) else {"name": described}


def _strength(own: float) -> Range:
    """Return the range of a penalty; its low end is as good as none."""
    return Range(1e-6, max(0.1, own), own, is_log=True)


def _rounded(value: Value) -> Value:
    """Return a number with few digits, any other value unchanged."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
