"""The network as scikit-learn estimators, for pipelines, searches and cross-validation.

Requires the extra `sklearn`. The estimators do not scale the features:

    make_pipeline(StandardScaler(), NetworkClassifier((30,), random_state=0)).fit(X, y)
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from numbers import Integral
from typing import Any, Self

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.config import construct
from model.network.layers import Layer, layer_from
from model.network.network import Network
from model.network.tasks import TASKS
from model.network.validation import require_number
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.partial_fit import Progress
from model.training.schedules.schedule import Schedule

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    message = "model.estimators needs scikit-learn: pip install 'malignancy[sklearn]'"
    raise ImportError(message) from error

FLOATS = (np.float64, np.float32)  # valid dtypes of rows; others are converted to the first


@dataclass(eq=False, repr=False)
class _NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """Base class of both estimators: the hyperparameters and the state of the training."""

    hidden: Sequence[int | Layer | Mapping[str, Any] | str] = (15,)
    activation: Any = "relu"
    _: KW_ONLY
    optimizer: Any = "adam"
    learning_rate: float | None = None
    epochs: int = 200
    batch_size: int | str = 32
    l2: float = 0.0
    early_stopping: bool | Mapping[str, Any] = False
    validation_fraction: float = 0.1
    random_state: Any = None
    training: Mapping[str, Any] | None = None

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "theta_")

    def _train(self, rows: Rows, task: str, outputs: int, classes: Array | None = None) -> Self:
        """Train a new network for all epochs.

        Args:
            rows: The training rows; with early stopping, a part becomes the validation rows.
            task: A name of `TASKS`.
            outputs: The number of outputs.
            classes: `(N,)`, by which to stratify the validation rows; None for no stratification.
        """
        progress, validation = self._begin(rows, task, outputs), None
        if progress.training.early_stopping is not None:
            fraction = _plain(self.validation_fraction)
            require_number("validation_fraction", fraction, 1e-9, 1 - 1e-9)
            arrays = [rows.inputs, rows.targets] + ([] if rows.weights is None else [rows.weights])
            options = {"stratify": classes, "random_state": progress.training.seed}
            parts = train_test_split(*arrays, test_size=fraction, **options)
            rows, validation = Rows(*parts[::2]), Rows(*parts[1::2])
        return self._keep(progress.train(rows, validation, epochs=progress.training.epochs))

    def _train_on(self, rows: Rows, task: str, outputs: int) -> Self:
        """Train the current network for one more epoch, or a new one for its first."""
        fitted = self.__sklearn_is_fitted__()
        progress = self._progress if fitted else self._begin(rows, task, outputs)
        training = progress.training
        if training.early_stopping is not None or isinstance(training.schedule, Schedule):
            raise NetworkError(
                "partial_fit has no last epoch: early_stopping and schedule are for fit only"
            )
        return self._keep(progress.train(rows, epochs=1))

    def _keep(self, progress: Progress) -> Self:
        self._progress, self.network_, self.theta_ = progress, progress.network, progress.theta
        self.history_, self.n_iter_, self.loss_ = progress.history, progress.epoch, progress.loss
        return self

    def _begin(self, rows: Rows, task: str, outputs: int) -> Progress:
        """Build the network from `hidden` and the task's output layer, in the rows' dtype."""
        if isinstance(self.hidden, str | Mapping) or not hasattr(self.hidden, "__iter__"):
            raise NetworkError(f"hidden must be a list of units or layers, got {self.hidden!r:.80}")
        end, inputs = TASKS[task], np.asarray(rows.inputs)
        layers = [*map(self._layer, self.hidden), end.output_layer(outputs)]
        network = Network(layers, inputs.shape[1], end.loss, inputs.dtype.name)
        return Progress.begin(network, self._described_training())

    def _layer(self, description: object) -> Layer:
        if isinstance(description, Integral):
            return layer_from({"units": int(description), "activation": self.activation})
        return layer_from(description)

    def _described_training(self) -> Training:
        stopping: Any = _plain(self.early_stopping)
        if isinstance(stopping, bool):
            stopping = {} if stopping else None
        own = {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "l2": self.l2,
            "early_stopping": stopping,
            "seed": self._seed(),
        }
        extra = dict(self.training or {})
        for key in own.keys() & extra.keys():
            place = "random_state" if key == "seed" else key
            raise NetworkError(f"training must not hold {key}: the estimator has its own {place}")
        values = {key: _plain(value) for key, value in {**own, **extra}.items()}
        return construct("training", Training, values)

    def _seed(self) -> int:
        """Return `random_state` if it is an integer, else a seed drawn as scikit-learn does."""
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _predictions(self, X: Any) -> Array:
        """Return the network's predictions `(B, outputs)` for rows `(B, features)`."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=FLOATS, reset=False)
        return self.network_.predict(self.theta_, rows)


@dataclass(eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, _NetworkEstimator):  # type: ignore[misc]
    """A network that predicts class probabilities; labels may be of any type.

    Two classes use one output and binary cross-entropy, more classes softmax and categorical
    cross-entropy. Features are not scaled: for most data, put a StandardScaler before the
    classifier in a pipeline. float32 rows give a float32 network.

    Args:
        hidden: The layers but the last, each a number of units or a layer's description.
        activation: The activation of layers given by their units.
        optimizer: An object, a name, or a table of a name and fields.
        learning_rate: Above 0; None for the optimizer's own.
        epochs: How often `fit` uses each row, from 1.
        batch_size: Rows per step, "full" or "auto"; see `Training`.
        l2: The L2 penalty of the weights, from 0.
        early_stopping: True, or a table of `patience` and `min_delta`. `fit` then holds out
            validation rows, stratified by class.
        validation_fraction: The share of held-out rows, above 0 and below 1.
        class_weight: None, "balanced", or a table of weights by class; multiplies sample_weight.
        random_state: An integer is the training's seed; None or a RandomState draws one.
        training: A table of further fields of `Training`.

    Attributes:
        classes_: The class labels, sorted.
        n_features_in_: The number of features.
        feature_names_in_: Their names, if `fit` had a table with names.
        network_: The network.
        theta_: Its parameters `(P,)`.
        history_: The records of the training.
        n_iter_: The number of epochs done.
        loss_: The loss of the training rows at `theta_`.
    """

    class_weight: str | Mapping[Any, float] | None = field(default=None, kw_only=True)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Args:
            X: Rows `(N, features)`.
            y: Labels `(N,)`.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.

        Raises:
            ValueError: The rows, labels, weights or hyperparameters are invalid.
            DivergedError: The loss is no longer finite.
        """
        X, y = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        rows = self._rows(X, y, sample_weight)
        return self._train(rows, *self._task(), classes=np.asarray(rows.targets))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch on these rows, from the current weights and optimizer state.

        The hyperparameters are those of the first call, or of the last `fit`. N calls with the same
        rows equal one `fit` of N epochs, bit for bit.

        Args:
            X: Rows `(N, features)`.
            y: Labels `(N,)`.
            classes: All classes that will occur; required in the first call.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.

        Raises:
            ValueError: The rows, labels, weights, classes or hyperparameters are invalid.
            DivergedError: The loss is no longer finite.
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight must not be balanced in partial_fit: give the weights")
        first = not self.__sklearn_is_fitted__()
        X, y = validate_data(self, X, y, dtype=FLOATS, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        known = self.classes_ if classes is None else unique_labels(classes)
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_}")
        if not np.isin(y, known).all():
            raise ValueError(f"y must hold classes {known} only, got {np.setdiff1d(y, known)}")
        self.classes_ = known
        return self._train_on(self._rows(X, y, sample_weight), *self._task())

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities `(B, classes)`, ordered as classes_, for rows `(B, features)`."""
        predictions = self._predictions(X)
        if predictions.shape[1] == 1:
            return np.hstack([1 - predictions, predictions])
        return predictions

    def predict(self, X: Any) -> Array:
        """Return the most probable class `(B,)` of each of the rows `(B, features)`."""
        most_probable = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])

    def _task(self) -> tuple[str, int]:
        """Return the name of the task and the number of outputs."""
        if len(self.classes_) < 2:
            raise ValueError("a classifier needs at least two classes, y has 1 class")
        return ("binary", 1) if len(self.classes_) == 2 else ("multi_class", len(self.classes_))

    def _rows(self, X: Array, y: Array, sample_weight: Any) -> Rows:
        """Return rows with class numbers and, as weights, sample weights times class weights."""
        numbers, weights = np.searchsorted(self.classes_, y), _checked_weights(sample_weight, X)
        class_weight = self.class_weight
        if class_weight is None:
            return Rows(X, numbers, weights)
        if class_weight != "balanced" and not isinstance(class_weight, Mapping):
            raise ValueError(
                f"class_weight must be None, balanced or a table, got {class_weight!r:.80}"
            )
        by_class = compute_class_weight(
            class_weight, classes=self.classes_, y=y, sample_weight=weights
        )
        return Rows(X, numbers, by_class[numbers] * (1 if weights is None else weights))


class NetworkRegressor(RegressorMixin, _NetworkEstimator):  # type: ignore[misc]
    """A network that predicts one or several numbers, by the mean squared error.

    Large targets learn slowly: scale them with a TransformedTargetRegressor. Arguments and
    attributes are those of `NetworkClassifier`, without those of classes.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network.

        Args:
            X: Rows `(N, features)`.
            y: Targets `(N,)` or `(N, outputs)`.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.

        Raises:
            ValueError: The rows, targets, weights or hyperparameters are invalid.
            DivergedError: The loss is no longer finite.
        """
        return self._train(*self._task(X, y, sample_weight, reset=True))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch on these rows; see `NetworkClassifier.partial_fit`.

        Args:
            X: Rows `(N, features)`.
            y: Targets `(N,)` or `(N, outputs)`.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.
        """
        new = not self.__sklearn_is_fitted__()
        return self._train_on(*self._task(X, y, sample_weight, reset=new))

    def predict(self, X: Any) -> Array:
        """Return numbers `(B,)` or `(B, outputs)`, as y in `fit`, for rows `(B, features)`."""
        predictions = self._predictions(X)
        return predictions[:, 0] if self._flat else predictions

    def _task(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Rows, str, int]:
        X, y = validate_data(
            self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True, reset=reset
        )
        if reset:
            self._flat = y.ndim == 1
        rows = Rows(X, y, _checked_weights(sample_weight, X))
        return rows, "regression", 1 if y.ndim == 1 else y.shape[1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _plain(value: Any) -> Any:
    """Return a NumPy scalar, which searches draw, as a Python number."""
    return value.item() if isinstance(value, np.generic) else value


def _checked_weights(sample_weight: Any, X: Array) -> Array | None:
    """Return weights `(N,)` as float64; None if there are none."""
    if sample_weight is None:
        return None
    return np.asarray(_check_sample_weight(sample_weight, X, dtype=np.float64))
