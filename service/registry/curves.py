"""Curves of a model over thresholds as plain data: the answer of GET /models/{name}/curves."""

from collections.abc import Iterator
from typing import Any, Final

from model.arrays import Array
from model.metrics.part_curves import MAX_POINTS, probability_curves, value_groups
from model.prediction.facts import validates_out_of_bag
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import MultiClass, Regression

MAX_OUTPUTS: Final = 20  # with curves, so that the answer stays below a few MB


def scored_parts(predictor: Predictor) -> dict[str, ScoredRows]:
    """Return the scored parts of the table by name.

    Args:
        predictor: The model.

    Returns:
        `validation`; `out_of_bag`, if there are such predictions and they are not already the
        validation rows; `train`; and `test`, if there is one.
    """
    parts = {"validation": predictor.validation}
    if predictor.out_of_bag is not None and not validates_out_of_bag(predictor.facts):
        parts["out_of_bag"] = predictor.out_of_bag
    parts["train"] = predictor.train
    if predictor.test is not None:
        parts["test"] = predictor.test
    return parts


def describe_curves(predictor: Predictor, points: int = MAX_POINTS) -> dict[str, Any]:
    """Return the answer of GET /models/{name}/curves.

    Args:
        predictor: The model.
        points: Maximum number of points of a curve.

    Returns:
        JSON-serializable data, of the first `MAX_OUTPUTS` outputs.
    """
    target, parts = predictor.schema.target, scored_parts(predictor)
    names = target.names[:MAX_OUTPUTS]
    answer: dict[str, Any] = {
        "model": predictor.title,
        "outputs": [],
        "outputs_left_out": len(target.names) - len(names),
        "loss_history": predictor.facts.get("loss_history") or [],
    }
    if isinstance(target, Regression):
        answer["regression"] = [
            {
                "output": name,
                "parts": {
                    part: {"rows": len(pair[0]), "groups": value_groups(*pair)}
                    for part, pair in _columns(parts, number)
                },
            }
            for number, name in enumerate(names)
        ]
        return answer
    one_against_rest = isinstance(target, MultiClass)
    answer["outputs"] = [
        {
            "name": name,
            "parts": {
                part: probability_curves(*pair, points)
                for part, pair in _columns(parts, number, one_against_rest=one_against_rest)
            },
        }
        for number, name in enumerate(names)
    ]
    return answer


def _columns(
    parts: dict[str, ScoredRows], number: int, *, one_against_rest: bool = False
) -> Iterator[tuple[str, tuple[Array, Array]]]:
    """Yield the name of each part, and the truth and the predictions of one output, `(B,)`."""
    for name, rows in parts.items():
        truth = rows.targets[:, 0] == number if one_against_rest else rows.targets[:, number]
        yield name, (truth, rows.predictions[:, number])
