"""The truth of a prediction: its form for each kind of target, and its counts."""

import json
import math
from typing import Any

import numpy as np

from model.arrays import Array
from model.prediction.row_facts import SEPARATOR
from model.prediction.target import Binary, MultiClass, MultiLabel, Target
from service.store.counting import Counts, pair_name, probability_bins
from service.store.databases.database import StoreError


class InvalidTruth(StoreError):
    """A truth is not one of its target. The text states the rule, without the value."""


def truth_json(target: Target, value: Any) -> str:
    """Return a truth in its only form, as JSON text.

    Args:
        target: Target of the version that predicted.
        value: A label; true or false for a binary target; a list of labels; for a regression, a
            number, or several by output.

    Raises:
        InvalidTruth: The rule that the value breaks.
    """
    if isinstance(target, Binary):
        if isinstance(value, bool):
            value = target.positive if value else target.negative
        if value not in (target.negative, target.positive):
            raise InvalidTruth(f"must be {target.negative}, {target.positive}, true or false")
        return _dumps(value)
    if isinstance(target, MultiClass):
        if not isinstance(value, str) or value not in target.classes:
            raise InvalidTruth("must be one of the model's classes")
        return _dumps(value)
    if isinstance(target, MultiLabel):
        labels = value if isinstance(value, list) else [None]
        if not all(isinstance(each, str) and each in target.labels for each in labels):
            raise InvalidTruth("must be a list of the model's labels")
        return _dumps([each for each in target.labels if each in labels])
    if len(target.outputs) == 1 and not isinstance(value, dict):
        value = {target.outputs[0]: value}
    if not isinstance(value, dict) or set(value) != set(target.outputs):
        raise InvalidTruth("must be a number for each of the model's outputs")
    return _dumps({name: _number(value[name]) for name in target.outputs})


def value_of_text(target: Target, text: str) -> Any:
    """Return the truth that a cell of a table states, for `truth_json`, which checks it.

    Args:
        target: Target of the version that predicted.
        text: A label; `true` or `false` for a binary target; labels with `;` between them, or a
            JSON list of them; a number, or a JSON object of several by output.
    """
    if isinstance(target, Binary) and text not in (target.negative, target.positive):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(target, MultiLabel) and not text.startswith("["):
        return [each.strip() for each in text.split(SEPARATOR)]
    if isinstance(target, Binary | MultiClass):
        return text
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return text


def truth_counts(target: Target, predictions: Array, label: str | None, truth: str) -> Counts:
    """Count one row with its truth: by bins of the predictions, and by label.

    Args:
        target: Target of the version that predicted.
        predictions: Predictions of the row, `(outputs,)`.
        label: The predicted label; None without one.
        truth: The truth, from `truth_json`.

    Returns:
        Counts of the kinds "truth", whose name is "output=truth", and "confusion", whose name is a
        JSON list of the predicted and the true label.
    """
    counts = Counts()
    value = json.loads(truth)
    if isinstance(target, Binary | MultiClass | MultiLabel):
        for name, place in zip(target.names, probability_bins(predictions).tolist(), strict=True):
            true = int(name in value) if isinstance(target, MultiLabel) else value
            counts["truth", f"{name}={true}", place] += 1
    if isinstance(target, Binary | MultiClass):
        counts["confusion", pair_name(label, value), 0] += 1
    return counts


def predictions_of(prediction: float | None, outputs: bytes | None) -> Array:
    """Return stored predictions `(outputs,)`.

    Args:
        prediction: The prediction of a model with one output; None for others.
        outputs: The predictions of several outputs, float64; None for one.
    """
    return np.array([prediction]) if outputs is None else np.frombuffer(outputs, "<f8")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTruth("must be a number for each of the model's outputs")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidTruth("must be a finite number")
    return number


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
