"""The trials of a search: Optuna proposes settings, and a journal file keeps what was found.

Optuna is an extra. It is imported when a study is opened, never by other commands.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.errors import MalignancyError
from model.tuning.space import Choice, Range, Space, Value, Values

START_TRIALS: Final = 10  # random ones, before the sampler learns from them
DIGITS: Final = 6  # decimals of a row's loss in the journal


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial whose models predicted all rows.

    Attributes:
        number: Number of the trial, from 0.
        is_own: Whether it is the recipe as given.
        values: A value of each setting; of the recipe as given the nearest in the space.
        losses: Out-of-fold loss of each row, `(N,)`.
    """

    number: int
    is_own: bool
    values: Values
    losses: Array


class Study:
    """The trials of one search. The first is the recipe as given.

    Trials that another run of the program left open have failed.

    Args:
        file: The journal; it is created, or continued.
        space: The search space.
        identity: Digest of all that the losses depend on; the journal must have the same.
        seed: Seed of the proposals, from 0 to 2³² − 1.

    Raises:
        MalignancyError: Optuna is not installed, or the journal is not one of this search.
    """

    def __init__(self, file: Path, space: Space, identity: str, seed: int) -> None:
        optuna = _import_optuna()
        self._states = optuna.trial.TrialState
        self._distributions = {
            name: _distribution(optuna.distributions, each) for name, each in space.settings.items()
        }
        self._open: dict[int, Any] = {}
        self._lock = Lock()  # joblib's threads open trials
        storages = optuna.storages
        lock = storages.journal.JournalFileOpenLock(str(file))  # Windows forbids symbolic links
        try:
            backend = storages.journal.JournalFileBackend(str(file), lock_obj=lock)
            self._study = optuna.create_study(
                storage=storages.JournalStorage(backend), study_name="tune", load_if_exists=True
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise MalignancyError(f"{file} is not a journal of trials: remove it") from None
        if self._study.user_attrs.setdefault("identity", identity) != identity:
            rule = "has trials of another recipe, table or number of folds"
            raise MalignancyError(f"{file} {rule}: remove it, or choose another --output")
        self._study.set_user_attr("identity", identity)
        for left in self._study.get_trials(states=(self._states.RUNNING, self._states.WAITING)):
            self._study.tell(left.number, state=self._states.FAIL)
        # Another seed for each run: with the same one, it would propose the same settings.
        self._study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=START_TRIALS,
            seed=(seed + len(self._study.trials)) % 2**32,
            multivariate=True,
        )
        if not any(trial.is_own for trial in self.trials()):
            self._study.enqueue_trial(space.own(), user_attrs={"own": True})

    def open_trial(self) -> tuple[int, bool, dict[str, Value]]:
        """Open a trial.

        Returns:
            Its number, whether it is the recipe as given, and a value of each setting.
        """
        with self._lock:
            trial = self._study.ask(self._distributions)
            self._open[trial.number] = trial
            return trial.number, "own" in trial.user_attrs, dict(trial.params)

    def complete(self, number: int, losses: Array, mean: float) -> None:
        """Close a trial with its result.

        Args:
            number: Its number.
            losses: Out-of-fold loss of each row, `(N,)`.
            mean: Their weighted mean, which the search minimizes.
        """
        with self._lock:
            trial = self._open.pop(number)
            trial.set_user_attr("losses", np.round(losses, DIGITS).tolist())
            self._study.tell(trial, mean)

    def fail(self, number: int) -> None:
        """Close a trial without a result.

        Args:
            number: Its number.
        """
        with self._lock:
            self._study.tell(self._open.pop(number), state=self._states.FAIL)

    def trials(self) -> list[Trial]:
        """Return the trials with a result, the recipe as given first, then in their order."""
        found = [
            Trial(
                trial.number,
                "own" in trial.user_attrs,
                dict(trial.params),
                np.array(trial.user_attrs["losses"]),
            )
            for trial in self._study.get_trials(states=(self._states.COMPLETE,))
        ]
        return sorted(found, key=lambda trial: (not trial.is_own, trial.number))


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        text = "tune needs the tune extra: pip install 'malignancy[train,tune]'"
        raise MalignancyError(text) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _distribution(distributions: Any, setting: Range | Choice) -> Any:
    if isinstance(setting, Choice):
        return distributions.CategoricalDistribution(tuple(setting.values))
    if setting.is_whole:
        low, high = int(setting.low), int(setting.high)
        return distributions.IntDistribution(low, high, log=setting.is_log)
    return distributions.FloatDistribution(setting.low, setting.high, log=setting.is_log)
