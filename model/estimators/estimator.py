"""Base class of both estimators: the hyperparameters, and the state of the training."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from model.arrays import Array, as_matrix
from model.errors import NetworkError
from model.estimators.calibration import calibrate
from model.estimators.encoding import ColumnEncoder
from model.estimators.learning_rows import LearningRows
from model.estimators.settings import Problem, Settings
from model.explanation.explained import ExplainedFunction
from model.explanation.rows import Explanations, explain_rows
from model.network.layers import Layer
from model.network.network import Network
from model.network.validation import require_number
from model.prediction.calibration import Calibration
from model.prediction.encoder import Scale
from model.training.batches.rows import Rows
from model.training.fitting.partial_fit import Progress
from model.training.regularization.early_stopping import VALIDATION
from model.training.schedules.schedule import Schedule

# The types of rows that are kept; rows of other types are converted to the first.
FLOATS = (np.float64, np.float32)


@dataclass(eq=False, repr=False)
class _NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """Base class of both estimators; see `NetworkClassifier` for the hyperparameters."""

    hidden: Sequence[int | Layer | Mapping[str, Any] | str] | None = None
    activation: Any = None
    _: KW_ONLY
    members: int | None = None
    bagged: bool | None = None
    calibrate: bool | None = None
    scale: bool = True
    optimizer: Any = None
    learning_rate: float | None = None
    epochs: int | None = None
    batch_size: int | str | None = None
    l2: float | None = None
    early_stopping: bool | Mapping[str, Any] | None = None
    validation_fraction: float = 0.1
    warm_start: bool = False
    random_state: Any = None
    training: Mapping[str, Any] | None = None

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "theta_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _continues(self) -> bool:
        """Whether `fit` starts from the weights of the last one."""
        return bool(self.warm_start) and self.__sklearn_is_fitted__()

    def _train(
        self, rows: LearningRows, task: str, outputs: int, validation: LearningRows | None
    ) -> Self:
        """Train for all epochs, a new network or, with warm_start, the current one.

        Args:
            rows: The training rows; for early stopping, a part may become validation rows.
            task: A name of `TASKS`.
            outputs: The number of outputs.
            validation: The user's own validation rows, or None.
        """
        settings = self._settings(rows, task, outputs, has_validation=validation is not None)
        training = settings.training
        stopping = training.early_stopping
        if stopping is not None and stopping.rows == VALIDATION and validation is None:
            fraction = float(self.validation_fraction)
            require_number("validation_fraction", fraction, 1e-9, 1 - 1e-9)
            rows, validation = rows.hold_out(fraction, training.seed)
        progress = self._begin(settings, rows, task)
        learned = self._encoded(rows)
        if settings.members is not None and settings.bagged:
            bags = rows.bags(settings.members, settings.folds, training.seed)
            learned = replace(learned, bags=bags)
        held = None if validation is None else self._encoded(validation)
        progress = progress.train(learned, held, epochs=training.epochs)
        calibration = None
        if settings.calibrates:
            network, theta, seed = progress.network, progress.theta, training.seed
            calibration = calibrate(network, theta, learned, task, rows.kind, seed)
        return self._keep(progress, calibration)

    def _train_on(self, rows: LearningRows, task: str, outputs: int) -> Self:
        """Train the current network for one more epoch, or a new one for its first."""
        schedules = "schedule" in (self.training or {})
        if self.bagged:
            raise NetworkError("partial_fit draws no bags: bagged is for fit only")
        if self.__sklearn_is_fitted__():
            progress = self._progress
        else:
            progress = self._begin(self._settings(rows, task, outputs), rows, task)
        training = progress.training
        has_length = isinstance(training.schedule, Schedule)
        if (has_length and schedules) or (training.early_stopping and self.early_stopping):
            raise NetworkError(
                "partial_fit has no last epoch: early_stopping and schedule are for fit only"
            )
        schedule = None if has_length else training.schedule
        endless = replace(training, early_stopping=None, schedule=schedule)
        progress = replace(progress, training=endless)
        return self._keep(progress.train(self._encoded(rows), epochs=1))

    def _settings(
        self, rows: LearningRows, task: str, outputs: int, **validation: bool
    ) -> Settings:
        """Return the settings for some rows; the size of the first ones, if `fit` continues."""
        if not self._continues:
            self._first_rows, self._seed = len(rows.first), self._draw_seed()
        problem = Problem(task, self._first_rows, rows.inputs.shape[1], outputs)
        return Settings.resolve(self.get_params(deep=False), problem, self._seed, **validation)

    def _draw_seed(self) -> int:
        """Return `random_state` if it is an integer, else a seed drawn as scikit-learn does."""
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _begin(self, settings: Settings, rows: LearningRows, task: str) -> Progress:
        """Begin with new weights and scales, or with the current ones if `fit` continues."""
        continues, training = self._continues, settings.training
        if not continues:
            distinct = rows.first
            self._encoder = ColumnEncoder.fit(rows.inputs[distinct], **settings.scaling)
            self._target_scale: Scale | None = None
            if task == "regression" and self.scale:
                self._target_scale = _scale_of(rows.targets[distinct])
        inputs, dtype = self._encoder.inputs, rows.inputs.dtype.name
        network = Network(settings.layers, inputs, settings.loss, dtype)
        if not continues:
            return Progress.begin(network, training, settings.members)
        members = None if self.theta_.ndim == 1 else len(self.theta_)
        if network.describe() != self.network_.describe() or settings.members != members:
            raise NetworkError(
                "warm_start needs the network of the last fit: the same layers, members, "
                "outputs and dtype"
            )
        return Progress(network, training, self.theta_)

    def _encoded(self, rows: LearningRows) -> Rows:
        return rows.encoded(self._encoder, self._target_scale)

    def _keep(self, progress: Progress, calibration: Calibration | None = None) -> Self:
        self._calibration: Calibration | None = calibration
        self._progress, self.network_, self.theta_ = progress, progress.network, progress.theta
        self.history_, self.n_iter_, self.loss_ = progress.history, progress.epoch, progress.loss
        return self

    def _validation_data(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any] | None:
        """Check own validation rows; None if there are none."""
        if (X is None) != (y is None):
            raise ValueError("X_val and y_val must be given together")
        if X is None:
            if sample_weight is not None:
                raise ValueError("sample_weight_val needs X_val and y_val")
            return None
        X = self._checked_rows(X)
        check_consistent_length(X, y)
        return X, y, checked_weights(sample_weight, X)

    def _checked_rows(self, X: Any) -> Array:
        """Check rows `(B, features)` to predict or to validate with."""
        rows = validate_data(self, X, dtype=FLOATS, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(rows)

    def _inputs(self, X: Any) -> Array:
        """Return the network's inputs `(B, features)` for rows `(B, features)`."""
        check_is_fitted(self)
        inputs = self._encoder.encode(self._checked_rows(X))
        return as_matrix("rows", inputs, inputs.shape[1], self.theta_.dtype)

    def explain(self, X: Any, reference: Any) -> Explanations:
        """Return the Shapley values of rows: how far each feature moves a prediction.

        Of two classes, the prediction is the probability of the second one.

        Args:
            X: The rows, `(B, features)`, without missing values.
            reference: The rows to compare with, `(R, features)`, without missing values.

        Returns:
            The values; their outputs are those of `predict_proba`, or of `predict` for numbers.
        """
        rows, others = self._checked_rows(X), self._checked_rows(reference)
        function = ExplainedFunction(
            self._explained,
            rows.shape[1],
            self.network_.outputs,
            self.network_.loss.link != "linear",
            parameters=self.theta_.size,
        )
        return explain_rows(function, rows, others)

    def _explained(self, X: Array) -> Array:
        """Return the predictions `(B, outputs)` that `explain` explains."""
        return self._predictions(X)

    def _predictions(self, X: Any) -> Array:
        """Return predictions `(B, outputs)`, averaged over members, for rows `(B, features)`."""
        inputs = self._inputs(X)
        predictions = self.network_.bind(self.theta_).mean(inputs)
        if self._calibration is not None:
            predictions = self._calibration.apply(predictions)
        return predictions.astype(self.theta_.dtype, copy=False)


def checked_weights(sample_weight: Any, X: Array) -> Array | None:
    """Return weights `(N,)` as float64; None if there are none.

    Args:
        sample_weight: The weights, as given.
        X: The rows.
    """
    if sample_weight is None:
        return None
    return np.asarray(_check_sample_weight(sample_weight, X, dtype=np.float64))


def _scale_of(targets: Array) -> Scale:
    """Return the scale of a regression's targets; an output that is constant is only centered."""
    columns = targets.reshape(len(targets), -1)
    spread = np.where(np.ptp(columns, axis=0) > 0, columns.std(axis=0), 1.0)
    return Scale(columns.mean(axis=0), np.where(spread > 0, spread, 1.0))
