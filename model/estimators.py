"""The network as scikit-learn's estimators, for its pipelines, searches and cross-validation.

Needs the extra `sklearn`. Rows are taken as they come, so scale them before:

    make_pipeline(StandardScaler(), NetworkClassifier((30,), random_state=0)).fit(X, y)
"""

from collections.abc import Mapping, Sequence
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
    needs = "model.estimators needs scikit-learn: pip install 'malignancy[sklearn]'"
    raise ImportError(needs) from error

FLOATS = (np.float64, np.float32)  # what rows may be; other numbers become the first


class _NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators do alike: a description of network and training, and its state."""

    def __init__(
        self,
        hidden: Sequence[int | Layer | Mapping[str, Any] | str] = (15,),
        activation: Any = "relu",
        *,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        epochs: int = 200,
        batch_size: int | str = 32,
        l2: float = 0.0,
        early_stopping: bool | Mapping[str, Any] = False,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.training = training

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "theta_")

    def _train(self, rows: Rows, task: str, outputs: int, classes: Array | None = None) -> Self:
        """All epochs of a new network. classes: (N,), by which to stratify the validation rows."""
        begun, validation = self._begin(rows, task, outputs), None
        if begun.training.early_stopping is not None:
            fraction = _plain(self.validation_fraction)
            require_number("validation_fraction", fraction, 1e-9, 1 - 1e-9)
            whole = [rows.inputs, rows.targets] + ([] if rows.weights is None else [rows.weights])
            options = {"stratify": classes, "random_state": begun.training.seed}
            parts = train_test_split(*whole, test_size=fraction, **options)
            rows, validation = Rows(*parts[::2]), Rows(*parts[1::2])
        return self._keep(begun.train(rows, validation, epochs=begun.training.epochs))

    def _train_on(self, rows: Rows, task: str, outputs: int) -> Self:
        """One more epoch of the network there is, or the first of a new one."""
        fitted = self.__sklearn_is_fitted__()
        progress = self._progress if fitted else self._begin(rows, task, outputs)
        training = progress.training
        if training.early_stopping is not None or isinstance(training.schedule, Schedule):
            raise NetworkError("partial_fit knows no end: early_stopping and schedule are for fit")
        return self._keep(progress.train(rows, epochs=1))

    def _keep(self, progress: Progress) -> Self:
        self._progress, self.network_, self.theta_ = progress, progress.network, progress.theta
        self.history_, self.n_iter_, self.loss_ = progress.history, progress.epoch, progress.loss
        return self

    def _begin(self, rows: Rows, task: str, outputs: int) -> Progress:
        """What `hidden` says, with the task's last layer and loss, of the rows' own type."""
        if isinstance(self.hidden, str | Mapping) or not hasattr(self.hidden, "__iter__"):
            raise NetworkError(f"hidden must be a list of units or layers, got {self.hidden!r:.80}")
        end, inputs = TASKS[task], np.asarray(rows.inputs)
        layers = [*map(self._layer, self.hidden), end.output_layer(outputs)]
        network = Network(layers, inputs.shape[1], end.loss, inputs.dtype.name)
        return Progress.begin(network, self._described_training())

    def _layer(self, given: object) -> Layer:
        if isinstance(given, Integral):
            return layer_from({"units": int(given), "activation": self.activation})
        return layer_from(given)

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
        more = dict(self.training or {})
        for key in own.keys() & more.keys():
            place = "random_state" if key == "seed" else key
            raise NetworkError(f"training must not hold {key}: the estimator has its own {place}")
        values = {key: _plain(value) for key, value in {**own, **more}.items()}
        return construct("training", Training, values)

    def _seed(self) -> int:
        """An integer as it is; else a number drawn as scikit-learn has it."""
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _predictions(self, X: Any) -> Array:
        """What the network says, (B, outputs), of rows (B, features)."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=FLOATS, reset=False)
        return self.network_.predict(self.theta_, rows)


class NetworkClassifier(ClassifierMixin, _NetworkEstimator):  # type: ignore[misc]
    """A network that tells classes by their probabilities; their labels may be of any type.

    Two classes: one output and binary cross-entropy; more: softmax and categorical cross-entropy.
    It takes rows as they come: for most data, put a StandardScaler before it, in a pipeline.

    hidden: the layers but the last, each a number of units or a layer's description.
    activation: of those given by their units. optimizer, learning_rate, epochs, batch_size, l2:
    see `Training`; `training` is a table of its further fields. early_stopping: True, or a table
    of patience and min_delta; it sets `validation_fraction` of the rows of fit apart, stratified.
    class_weight: None, "balanced", or a table of classes' weights, which multiply sample_weight.
    random_state: an integer is the training's seed.

    Fitted: classes_, n_features_in_, feature_names_in_, network_, theta_, history_, n_iter_ (epochs
    done), loss_ (of training rows, with theta_). float32 rows make it a float32 network.
    """

    def __init__(
        self,
        hidden: Sequence[int | Layer | Mapping[str, Any] | str] = (15,),
        activation: Any = "relu",
        *,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        epochs: int = 200,
        batch_size: int | str = 32,
        l2: float = 0.0,
        early_stopping: bool | Mapping[str, Any] = False,
        validation_fraction: float = 0.1,
        class_weight: str | Mapping[Any, float] | None = None,
        random_state: Any = None,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            hidden,
            activation,
            optimizer=optimizer,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            l2=l2,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            random_state=random_state,
            training=training,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network on rows (N, features), labels (N,), and weights (N,) if given.

        Raises ValueError for what does not fit, DivergedError where the loss is no longer a number.
        """
        X, y = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        rows = self._rows(X, y, sample_weight)
        return self._train(rows, *self._task(), classes=np.asarray(rows.targets))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One more epoch with these rows, from the present weights and the optimizer's state.

        classes: all there will ever be, needed at the first call. Hyperparameters are those of the
        first call, or of the last fit. N calls with the same rows give what fit does in N epochs,
        bit for bit. Raises as fit does.
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
        """Probabilities (B, classes), in the order of classes_, for rows (B, features)."""
        found = self._predictions(X)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row: (B,) for rows (B, features)."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _task(self) -> tuple[str, int]:
        """What it is for, and the outputs that takes."""
        if len(self.classes_) < 2:
            raise ValueError("a classifier needs at least two classes, y has 1 class")
        return ("binary", 1) if len(self.classes_) == 2 else ("multi_class", len(self.classes_))

    def _rows(self, X: Array, y: Array, sample_weight: Any) -> Rows:
        """Rows with class numbers, and the product of their weights and their classes'."""
        numbers, weights = np.searchsorted(self.classes_, y), _checked_weights(sample_weight, X)
        given = self.class_weight
        if given is None:
            return Rows(X, numbers, weights)
        if given != "balanced" and not isinstance(given, Mapping):
            raise ValueError(f"class_weight must be None, balanced or a table, got {given!r:.80}")
        each = compute_class_weight(given, classes=self.classes_, y=y, sample_weight=weights)
        return Rows(X, numbers, each[numbers] * (1 if weights is None else weights))


class NetworkRegressor(RegressorMixin, _NetworkEstimator):  # type: ignore[misc]
    """A network that predicts one number, or several, by the mean squared error.

    All else is as with `NetworkClassifier`, but for classes. Large targets learn slowly: scale
    them too, with a TransformedTargetRegressor.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """As `NetworkClassifier.fit`, but for targets (N,) or (N, outputs)."""
        return self._train(*self._task(X, y, sample_weight, reset=True))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One more epoch with these rows: see `NetworkClassifier.partial_fit`."""
        new = not self.__sklearn_is_fitted__()
        return self._train_on(*self._task(X, y, sample_weight, reset=new))

    def predict(self, X: Any) -> Array:
        """Numbers (B,) or (B, outputs), as y was in fit, for rows (B, features)."""
        found = self._predictions(X)
        return found[:, 0] if self._flat else found

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
    """A number of NumPy's, as searches draw them, as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _checked_weights(sample_weight: Any, X: Array) -> Array | None:
    """Weights of rows (N,) as float64, None where none are given."""
    if sample_weight is None:
        return None
    return np.asarray(_check_sample_weight(sample_weight, X, dtype=np.float64))
