"""Training: the description of a training that recipes, Python code and checkpoints share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from model.errors import NetworkError
from model.network.config import Configurable, build, construct
from model.network.initializers import Generator
from model.network.validation import require_choice, require_count, require_integer, require_number
from model.training.optimizers.optimizer import Optimizer, require_rate
from model.training.optimizers.registry import optimizer_from
from model.training.regularization.augmentation import augmentation_from
from model.training.regularization.early_stopping import VALIDATION, EarlyStopping
from model.training.schedules.plateau import PlateauState, ReduceOnPlateau
from model.training.schedules.registry import schedule_from
from model.training.schedules.schedule import Schedule

MEMBERS = 3  # random stream of the members' initial weights; SHUFFLE and NOISE are 1 and 2
UNKNOWN_LENGTH = 10**9  # steps; stands for the length of a training while a schedule is checked


@dataclass(frozen=True, kw_only=True)
class Training(Configurable):
    """Everything about a training except the network and the rows.

    Args:
        optimizer: An optimizer, its name, or a table of its name and arguments.
        epochs: Passes over the training rows, at least 1.
        learning_rate: Above 0; replaces the optimizer's own. A list has one rate per member.
        batch_size: Rows per step; "full" for all rows; or "auto" for the largest power of two, up
            to 512, whose step fits in `memory_budget`.
        schedule: Schedule of the learning rate, by name or table. A step of it is an update;
            reduce_on_plateau observes the records.
        layer_rates: Factor of the learning rate per layer, from 0 to 1e9; 0 freezes a layer.
        l1: Strength of the L1 penalty, from 0 to 1e9; see `penalize`.
        l2: Strength of the L2 penalty, from 0 to 1e9; see `penalize`.
        max_norm: Largest norm of a unit's incoming weights, from 1e-9 to 1e9; see `bound_norms`.
        clip_value: Largest absolute value in the gradient, penalties included, from 1e-9 to 1e9.
        clip_norm: Largest norm of the gradient, penalties included, from 1e-9 to 1e9.
        average: Decay of the weights' moving average, from 0 to 0.999999. The average is then
            evaluated and kept in place of the weights.
        augmentation: List of augmentations of each batch, by name or table.
        early_stopping: A table of `patience`, `min_delta` and `rows`; see `EarlyStopping`.
        report_every: Epochs between two records, at least 1.
        seed: Seed of all randomness, from 0 to 2³² − 1.
        generator: "legacy" draws initial weights as numpy.random.seed and its functions do.
        memory_budget: Bytes that a step may take, for batch_size "auto".

    Raises:
        NetworkError: If a value is out of its range; the text names key, rule and value.
    """

    name = "training"
    optimizer: Any
    epochs: int
    learning_rate: float | Sequence[float] | None = None
    batch_size: int | str = "full"
    schedule: Any = None
    layer_rates: Sequence[float] | None = None
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    clip_value: float | None = None
    clip_norm: float | None = None
    average: float | None = None
    augmentation: Sequence[Any] = ()
    early_stopping: Any = None
    report_every: int = 1
    seed: int = 0
    generator: Literal["default", "legacy"] = "default"
    memory_budget: int = 2**28

    def __post_init__(self) -> None:
        self._set("optimizer", _build("optimizer", optimizer_from, self._optimizer_description()))
        self._set("learning_rate", None)  # now part of the optimizer
        for key in ("epochs", "report_every", "memory_budget"):
            require_count(f"training.{key}", getattr(self, key))
        if isinstance(self.batch_size, str):
            require_choice("training.batch_size", self.batch_size, ("full", "auto"))
        else:
            require_count("training.batch_size", self.batch_size)
        for key, low, high in (
            ("l1", 0, 1e9),
            ("l2", 0, 1e9),
            ("max_norm", 1e-9, 1e9),
            ("clip_value", 1e-9, 1e9),
            ("clip_norm", 1e-9, 1e9),
            ("average", 0, 0.999999),
        ):
            value = getattr(self, key)
            if value is not None or key in ("l1", "l2"):
                require_number(f"training.{key}", value, low, high)
        require_integer("training.seed", self.seed, 0, 2**32 - 1)
        require_choice("training.generator", self.generator, ("default", "legacy"))
        if self.layer_rates is not None:
            self._set("layer_rates", self._checked_list("layer_rates"))
            for index, rate in enumerate(self.layer_rates):
                require_number(f"training.layer_rates.{index}", rate, 0, 1e9)
        augmentation = enumerate(self._checked_list("augmentation"))
        built = (_build(f"augmentation.{at}", augmentation_from, each) for at, each in augmentation)
        self._set("augmentation", tuple(built))
        if self.schedule is not None:
            self._set("schedule", _build("schedule", schedule_from, self.schedule))
            self._check_schedule(self.schedule)
        if self.early_stopping is not None:
            self._set("early_stopping", _build_early_stopping(self.early_stopping))

    @property
    def needs_validation(self) -> bool:
        """Whether the result depends on the loss of validation rows."""
        if self.early_stopping is not None:
            return bool(self.early_stopping.rows == VALIDATION)
        return isinstance(self.schedule, ReduceOnPlateau)

    @property
    def rates(self) -> tuple[float, ...]:
        """The optimizer's learning rate, or one per member."""
        rate = self.optimizer.learning_rate
        return tuple(rate) if isinstance(rate, Sequence) else (rate,)

    def initial_generator(self) -> Generator:
        """Return the generator of a single network's initial weights."""
        if self.generator == "legacy":
            return np.random.RandomState(self.seed)
        return np.random.default_rng(self.seed)

    def initial_generators(self, members: int | None) -> Generator | list[Generator]:
        """Return the generator of initial weights, or one for each of `members` members."""
        if members is None:
            return self.initial_generator()
        if self.generator == "legacy":
            return [np.random.RandomState(self.seed + member) for member in range(members)]
        return [np.random.default_rng([self.seed, MEMBERS, member]) for member in range(members)]

    def _optimizer_description(self) -> object:
        """Return the optimizer as given, with `learning_rate` filled in."""
        given = self.optimizer
        if self.learning_rate is None:
            return given
        if isinstance(given, Optimizer) or (
            isinstance(given, Mapping) and "learning_rate" in given
        ):
            raise NetworkError("training.learning_rate must be given once: here or in optimizer")
        require_rate("training.learning_rate", self.learning_rate)
        table = {"name": given} if isinstance(given, str) else given
        return (
            {**table, "learning_rate": self.learning_rate} if isinstance(table, Mapping) else given
        )

    def _checked_list(self, key: str) -> tuple[Any, ...]:
        given = getattr(self, key)
        if not isinstance(given, list | tuple):
            raise NetworkError(f"training.{key} must be a list, got {given!r:.80}")
        return tuple(given)

    def _check_schedule(self, schedule: Schedule | ReduceOnPlateau) -> None:
        """Reject a schedule whose minimum is above the rate, or that needs a missing momentum."""
        try:
            for rate in self.rates:
                if isinstance(schedule, ReduceOnPlateau):
                    schedule.rate(PlateauState(), rate)
                else:
                    schedule.with_length(UNKNOWN_LENGTH).rate(0, rate)
        except NetworkError as error:
            raise NetworkError(f"training.schedule: {error}") from None
        if not isinstance(schedule, Schedule):
            return
        cycles = schedule.with_length(UNKNOWN_LENGTH).momentum(0) is not None
        if cycles and not any(hasattr(self.optimizer, key) for key in ("momentum", "beta1")):
            rule = f"changes the momentum, and optimizer {self.optimizer.name} has none"
            raise NetworkError(f"training.schedule {rule}: set cycle_momentum to false")

    def _set(self, field: str, value: object) -> None:
        """Set a field of this frozen dataclass during construction."""
        object.__setattr__(self, field, value)


def _build(key: str, build_from: Callable[[object], Any], description: object) -> Any:
    try:
        return build_from(description)
    except NetworkError as error:
        raise NetworkError(f"training.{key}: {error}") from None


def _build_early_stopping(given: object) -> EarlyStopping:
    """Build early stopping; its table needs no name, for there is only one kind."""
    if isinstance(given, Mapping) and "name" not in given:
        return construct("training.early_stopping", EarlyStopping, given)
    if not isinstance(given, Mapping | str | EarlyStopping):
        raise NetworkError("training.early_stopping must be a table of patience and min_delta")
    return build("training.early_stopping:", {EarlyStopping.name: EarlyStopping}, given)
