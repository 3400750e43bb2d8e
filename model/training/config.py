"""How a loss is minimized: one description that recipes, Python and checkpoints share."""

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
from model.training.regularization.early_stopping import EarlyStopping
from model.training.schedules.plateau import Plateau, ReduceOnPlateau
from model.training.schedules.registry import schedule_from
from model.training.schedules.schedule import Schedule

MEMBERS = 3  # a stream of the seed, beside those of rows and noise
LONG = 10**9  # steps: a training of unknown length, for checks


@dataclass(frozen=True, kw_only=True)
class Training(Configurable):
    """All there is to say about a training, but for network and rows.

    optimizer: an object, a name, or a table of a name and numbers. learning_rate: instead of the
    optimizer's own. epochs: how often each row is used. batch_size: rows a step, "full" for all of
    them, or "auto": the largest power of two from 512 down whose step fits `memory_budget` bytes.
    schedule: of the rate, by steps (updates); reduce_on_plateau goes by records. layer_rates: what
    the rate of each layer is multiplied by; 0 freezes it. l1, l2: see `penalize`. max_norm: see
    `bound_norms`. clip_value, clip_norm: bounds of the gradient, penalties included. average: the
    decay of θ's running average, which then is what is evaluated and kept. augmentation: of each
    batch. early_stopping: see `EarlyStopping`. report_every: epochs from a record to the next.
    seed: what all randomness comes of. generator: "legacy" draws initial weights as
    numpy.random.seed and its functions do.

    Raises NetworkError that names the key, the rule and the value.
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
        self._settle("optimizer", _part("optimizer", optimizer_from, self._described_optimizer()))
        self._settle("learning_rate", None)  # it is the optimizer's now
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
            self._settle("layer_rates", self._list("layer_rates", _check_layer_rate))
        self._settle("augmentation", self._list("augmentation", _augmentation))
        if self.schedule is not None:
            self._settle("schedule", _part("schedule", schedule_from, self.schedule))
            self._check_schedule(self.schedule)
        if self.early_stopping is not None:
            self._settle("early_stopping", _early_stopping(self.early_stopping))

    @property
    def rates(self) -> tuple[float, ...]:
        """The optimizer's learning rate, or each member's."""
        rate = self.optimizer.learning_rate
        return tuple(rate) if isinstance(rate, Sequence) else (rate,)

    def initial_generator(self) -> Generator:
        """The source of initial weights."""
        if self.generator == "legacy":
            return np.random.RandomState(self.seed)
        return np.random.default_rng(self.seed)

    def initial_generators(self, members: int | None) -> Generator | list[Generator]:
        """The source of initial weights, or one for each of so many members."""
        if members is None:
            return self.initial_generator()
        if self.generator == "legacy":
            return [np.random.RandomState(self.seed + member) for member in range(members)]
        return [np.random.default_rng([self.seed, MEMBERS, member]) for member in range(members)]

    def _described_optimizer(self) -> object:
        """The optimizer as it was given, with the learning rate from beside it."""
        given = self.optimizer
        if self.learning_rate is None:
            return given
        if isinstance(given, Optimizer) or (
            isinstance(given, Mapping) and "learning_rate" in given
        ):
            raise NetworkError("training.learning_rate must be given once: here or in optimizer")
        require_rate("training.learning_rate", self.learning_rate)
        named = {"name": given} if isinstance(given, str) else given
        return (
            {**named, "learning_rate": self.learning_rate} if isinstance(named, Mapping) else given
        )

    def _list(self, key: str, check: Callable[[str, Any], object]) -> tuple[Any, ...]:
        given = getattr(self, key)
        if not isinstance(given, list | tuple):
            raise NetworkError(f"training.{key} must be a list, got {given!r:.80}")
        return tuple(check(f"{key}.{index}", each) for index, each in enumerate(given))

    def _check_schedule(self, schedule: Schedule | ReduceOnPlateau) -> None:
        """Refuse a schedule that this rate is too low for, or that needs a momentum."""
        try:
            for rate in self.rates:
                if isinstance(schedule, ReduceOnPlateau):
                    schedule.rate(Plateau(), rate)
                else:
                    schedule.over(LONG).rate(0, rate)
        except NetworkError as error:
            raise NetworkError(f"training.schedule: {error}") from None
        cycles = isinstance(schedule, Schedule) and schedule.over(LONG).momentum(0) is not None
        if cycles and not any(hasattr(self.optimizer, key) for key in ("momentum", "beta1")):
            rule = f"must not change a momentum, {self.optimizer.name} has none"
            raise NetworkError(f"training.schedule {rule}: set cycle_momentum to false")

    def _settle(self, field: str, value: object) -> None:
        """Set a field of a frozen dataclass, once, while it is made."""
        object.__setattr__(self, field, value)


def _early_stopping(given: object) -> EarlyStopping:
    """A table needs no name, for there is only one."""
    if isinstance(given, Mapping) and "name" not in given:
        return construct("training.early_stopping", EarlyStopping, given)
    if not isinstance(given, Mapping | str | EarlyStopping):
        raise NetworkError("training.early_stopping must be a table of patience and min_delta")
    return build("training.early_stopping:", {EarlyStopping.name: EarlyStopping}, given)


def _part(key: str, make: Callable[[object], Any], given: object) -> Any:
    try:
        return make(given)
    except NetworkError as error:
        raise NetworkError(f"training.{key}: {error}") from None


def _check_layer_rate(key: str, rate: Any) -> Any:
    require_number(f"training.{key}", rate, 0, 1e9)
    return rate


def _augmentation(key: str, given: object) -> object:
    return _part(key, augmentation_from, given)
