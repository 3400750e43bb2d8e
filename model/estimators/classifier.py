"""The classifier: labels of any type, one for each row, or several as an indicator matrix."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from model.arrays import Array
from model.estimators.estimator import FLOATS, _NetworkEstimator, checked_weights
from model.estimators.learning_rows import LearningRows

CHUNK_ROWS = 8192  # rows whose logits are computed at once, to bound the memory


@dataclass(eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, _NetworkEstimator):  # type: ignore[misc]
    """A network that predicts class probabilities; labels may be of any type.

    Two classes use one output and binary cross-entropy, more classes softmax and categorical
    cross-entropy; an indicator matrix of labels `(N, labels)`, one output and binary cross-entropy
    for each. float32 rows give a float32 network. Missing values (NaN) are replaced by the median
    of the training rows. An argument that is None has the value of the default model of `init`'s
    recipes, which depends on the number of rows and features.

    Args:
        hidden: The layers but the last, each a number of units or a layer's description.
        activation: The activation of layers given by their units; None for that of the default
            model, which is relu for `hidden` of your own.
        members: Number of networks whose predictions are averaged, from 1.
        bagged: True if each member has its own draw of the rows.
        calibrate: True if the out-of-bag predictions of bagged members choose a calibration of the
            probabilities, or none if it does not lower their log-loss.
        scale: Scale the features and the targets of a regression. False if they are scaled already.
        optimizer: An object, a name, or a table of a name and fields.
        learning_rate: Above 0; None for the optimizer's own if `optimizer` is given.
        epochs: How often `fit` uses each row, from 1.
        batch_size: Rows per step, "full" or "auto"; see `Training`.
        l2: The L2 penalty of the weights, from 0.
        early_stopping: False, True, or a table of `patience`, `min_delta` and `rows`. The rows
            whose loss is observed are those of X_val; else the out-of-bag rows of bagged members;
            else rows that `fit` holds out, stratified by class.
        validation_fraction: The share of held-out rows, above 0 and below 1.
        warm_start: True if `fit` starts from the weights of the last `fit`.
        random_state: An integer is the training's seed; None or a RandomState draws one.
        training: A table of further fields of `Training`.
        class_weight: None, "balanced", or a table of weights by class; multiplies sample_weight.

    Attributes:
        classes_: The class labels, sorted; the numbers of the labels for an indicator matrix.
        n_features_in_: The number of features.
        feature_names_in_: Their names, if `fit` had a table with names.
        network_: The network.
        theta_: Its parameters `(P,)`, or `(K, P)` of K members.
        history_: The records of the training.
        n_iter_: The number of epochs done.
        loss_: The loss of the training rows at `theta_`.
    """

    class_weight: str | Mapping[Any, float] | None = field(default=None, kw_only=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

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
            y: Labels `(N,)`, or an indicator matrix `(N, labels)`.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.
            X_val: Validation rows `(B, features)`, whose loss is recorded and ends the training.
            y_val: Their labels.
            sample_weight_val: Their weights `(B,)`.

        Raises:
            ValueError: The rows, labels, weights or hyperparameters are invalid.
            DivergedError: The loss is no longer finite.
        """
        X, y, several = self._checked(X, y, reset=not self._continues)
        known = np.arange(y.shape[1]) if several else np.unique(y)
        if self._continues and not self._are_known(known, several=several):
            raise ValueError(f"warm_start needs the classes of the last fit, {self.classes_}")
        self._learn_classes(known, several=several)
        rows = self._rows(X, y, checked_weights(sample_weight, X))
        validation = self._validation_data(X_val, y_val, sample_weight_val)
        held = None
        if validation is not None:
            X_val, y_val, weights = validation
            held = self._rows(X_val, self._known_labels(y_val), weights)
        return self._train(rows, *self._task(), held)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch on these rows, from the current weights and optimizer state.

        The hyperparameters and the scale are those of the first call, or of the last `fit`. There
        are no bags, no early stopping and no schedule: N calls with the same rows equal one `fit`
        of N epochs without these, bit for bit.

        Args:
            X: Rows `(N, features)`.
            y: Labels `(N,)`, or an indicator matrix `(N, labels)`.
            classes: All classes that will occur; required in the first call, but for a matrix.
            sample_weight: Weights `(N,)`, at least 0; None for equal weights.

        Raises:
            ValueError: The rows, labels, weights, classes or hyperparameters are invalid.
            DivergedError: The loss is no longer finite.
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight must not be balanced in partial_fit: give the weights")
        first = not self.__sklearn_is_fitted__()
        X, y, several = self._checked(X, y, reset=first)
        if several:
            classes = np.arange(y.shape[1])
        elif classes is not None:
            classes = unique_labels(classes)
        elif first:
            raise ValueError("classes must be passed on the first call to partial_fit")
        if first:
            self._learn_classes(classes, several=several)
        elif classes is not None and not self._are_known(classes, several=several):
            raise ValueError(f"classes must be those of the first call, {self.classes_}")
        rows = self._rows(X, self._known_labels(y), checked_weights(sample_weight, X))
        return self._train_on(rows, *self._task())

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities for rows `(B, features)`.

        Returns:
            `(B, classes)`, ordered as classes_; for several labels the probability of each.
        """
        predictions = self._predictions(X)
        if predictions.shape[1] == 1 and not self._several:
            return np.hstack([1 - predictions, predictions])
        return predictions

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of probabilities for rows `(B, features)`, finite for any row.

        Returns:
            `(B, classes)`, ordered as classes_; for several labels that of each.
        """
        inputs = self._inputs(X)
        if self._calibration is not None:
            probabilities = self.predict_proba(X)
            return np.asarray(np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny)))
        chunks = [inputs[at : at + CHUNK_ROWS] for at in range(0, len(inputs), CHUNK_ROWS)]
        return np.concatenate([self._log_probabilities(chunk) for chunk in chunks])

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each of the rows `(B, features)`.

        Returns:
            `(B,)`; for several labels an indicator matrix `(B, labels)`.
        """
        probabilities = self.predict_proba(X)
        if self._several:
            return (probabilities > 0.5).astype(int)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def _log_probabilities(self, inputs: Array) -> Array:
        z = self.network_.logits(self.theta_, inputs)  # (…, B, outputs)
        if self._several:
            logs = -np.logaddexp(0, -z)
        elif z.shape[-1] == 1:
            logs = -np.logaddexp(0, np.concatenate([z, -z], axis=-1))
        else:
            logs = z - np.logaddexp.reduce(z, axis=-1, keepdims=True)
        if logs.ndim == 2:
            return np.asarray(logs)
        return np.asarray(np.logaddexp.reduce(logs, axis=0) - math.log(len(logs)))  # of the mean

    def _task(self) -> tuple[str, int]:
        """Return the name of the task and the number of outputs."""
        if self._several:
            return "multi_label", len(self.classes_)
        if len(self.classes_) < 2:
            raise ValueError("a classifier needs at least two classes, y has 1 class")
        return ("binary", 1) if len(self.classes_) == 2 else ("multi_class", len(self.classes_))

    def _learn_classes(self, classes: Array, *, several: bool) -> None:
        self.classes_: Array = classes
        self._several: bool = several  # whether a row may have several labels

    def _are_known(self, classes: Array, *, several: bool) -> bool:
        return several == self._several and np.array_equal(classes, self.classes_)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array, bool]:
        """Check rows and labels; the last result says whether a row may have several labels."""
        X, y = validate_data(
            self,
            X,
            y,
            dtype=FLOATS,
            ensure_all_finite="allow-nan",
            multi_output=True,
            reset=reset,
        )
        return X, *_labels(y)

    def _known_labels(self, y: Any) -> Array:
        """Check labels, which must be of the known classes."""
        labels, several = _labels(y)
        known = self.classes_
        if several != self._several or (several and labels.shape[1] != len(known)):
            raise ValueError("y must have as many labels for each row as in the first call")
        if not several and not np.isin(labels, known).all():
            raise ValueError(f"y must hold classes {known} only, got {np.setdiff1d(labels, known)}")
        return labels

    def _rows(self, X: Array, y: Array, weights: Array | None) -> LearningRows:
        """Return rows with class numbers and, as weights, sample weights times class weights."""
        class_weight = self.class_weight
        if self._several:
            if class_weight is not None:
                raise ValueError("class_weight must be None if a row may have several labels")
            return LearningRows.of(X, y, weights, are_classes=False)
        numbers = np.searchsorted(self.classes_, y)
        if class_weight is not None:
            if class_weight != "balanced" and not isinstance(class_weight, Mapping):
                raise ValueError(
                    f"class_weight must be None, balanced or a table, got {class_weight!r:.80}"
                )
            by_class = compute_class_weight(
                class_weight, classes=self.classes_, y=y, sample_weight=weights
            )
            weights = by_class[numbers] * (1 if weights is None else weights)
        return LearningRows.of(X, numbers, weights, are_classes=True)


def _labels(y: Any) -> tuple[Array, bool]:
    """Return labels `(N,)`, or an indicator matrix `(N, labels)` and True."""
    check_classification_targets(y)
    if type_of_target(y) == "multilabel-indicator":
        return np.asarray(y.toarray() if hasattr(y, "toarray") else y).astype(int), True
    return np.asarray(column_or_1d(y, warn=True)), False
