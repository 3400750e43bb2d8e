"""The regressor: one or several numbers for each row."""

from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, validate_data

from model.arrays import Array
from model.estimators.estimator import FLOATS, _NetworkEstimator, checked_weights
from model.estimators.learning_rows import LearningRows


class NetworkRegressor(RegressorMixin, _NetworkEstimator):  # type: ignore[misc]
    """A network that predicts one or several numbers, by the mean squared error.

    Targets are scaled during the training unless `scale` is false: `loss_` and `history_` hold
    losses of scaled targets, predictions are scaled back. Arguments and attributes are those of
    `NetworkClassifier`, without those of classes.
    """

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train a new network, or with warm_start the current one.

        Args:
            X: Rows `(N, features)`.
            y: Targets `(N,)` or `(N, outputs)`.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.
            X_val: Validation rows `(B, features)`, whose loss is recorded and ends the training.
            y_val: Their targets.
            sample_weight_val: Their weights `(B,)`.

        Raises:
            ValueError: The rows, targets, weights or hyperparameters are invalid.
            DivergedError: The loss is no longer finite.
        """
        rows, outputs = self._rows(X, y, sample_weight, reset=not self._continues)
        validation = self._validation_data(X_val, y_val, sample_weight_val)
        held = None
        if validation is not None:
            X_val, y_val, weights = validation
            y_val = check_array(y_val, dtype=FLOATS, ensure_2d=False)
            held = LearningRows.of(X_val, y_val, weights, are_classes=False)
        return self._train(rows, "regression", outputs, held)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch on these rows; see `NetworkClassifier.partial_fit`.

        Args:
            X: Rows `(N, features)`.
            y: Targets `(N,)` or `(N, outputs)`.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.
        """
        new = not self.__sklearn_is_fitted__()
        rows, outputs = self._rows(X, y, sample_weight, reset=new)
        return self._train_on(rows, "regression", outputs)

    def predict(self, X: Any) -> Array:
        """Return numbers `(B,)` or `(B, outputs)`, as y in `fit`, for rows `(B, features)`."""
        predictions = self._predictions(X)
        if self._target_scale is not None:
            scaled = self._target_scale.undo(predictions)
            predictions = scaled.astype(self.theta_.dtype, copy=False)
        return predictions[:, 0] if self._flat else predictions

    def _explained(self, X: Array) -> Array:
        return self.predict(X).reshape(len(X), -1)

    def _rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[LearningRows, int]:
        """Check rows and targets, and return them with the number of outputs."""
        X, y = validate_data(
            self,
            X,
            y,
            dtype=FLOATS,
            ensure_all_finite="allow-nan",
            multi_output=True,
            y_numeric=True,
            reset=reset,
        )
        if reset:
            self._flat = y.ndim == 1
        rows = LearningRows.of(X, y, checked_weights(sample_weight, X), are_classes=False)
        return rows, 1 if y.ndim == 1 else y.shape[1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
