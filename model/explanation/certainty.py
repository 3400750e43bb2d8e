"""How sure a prediction is: members, prediction set, and distance from the training rows."""

from dataclasses import dataclass
from typing import Self

from model.arrays import Array
from model.explanation.conformal import Conformal, conformal
from model.explanation.distance import TrainingDistance
from model.explanation.held_out import HeldOutRows, held_out_rows
from model.explanation.members import Members, members_of
from model.explanation.parts import Parts
from model.prediction.facts import explanation_level
from model.prediction.predictor import Predictor


@dataclass(frozen=True)
class Evidence:
    """What is computed once for all rows of a model.

    Attributes:
        held_out: Held-out rows.
        conformal: Their limits of prediction sets and intervals.
        distance: Distances from the training rows; None for a model that keeps none.
    """

    held_out: HeldOutRows
    conformal: Conformal
    distance: TrainingDistance | None

    @classmethod
    def of(cls, predictor: Predictor) -> Parts[Self]:
        """Compute it.

        Args:
            predictor: The model.
        """
        held_out = held_out_rows(predictor)
        limits = conformal(predictor.schema.target, held_out, explanation_level(predictor.facts))
        yield
        distance = yield from TrainingDistance.of(predictor)
        return cls(held_out, limits, distance)


@dataclass(frozen=True)
class Certainty:
    """How sure the prediction of one row is.

    Attributes:
        members: The members of an ensemble; None for a single network.
        sets: The prediction sets of labels, see `Conformal.sets`; None for numbers.
        intervals: The intervals of numbers, `(outputs, 2)`; None for labels.
        percentile: Share of kept training rows that are nearer to another one, in percent; None
            for a model that keeps none.
    """

    members: Members | None
    sets: list[list[str]] | None
    intervals: Array | None
    percentile: float | None


def certainty(
    predictor: Predictor, evidence: Evidence, row: Array, inputs: Array, threshold: float
) -> Certainty:
    """Return how sure the prediction of one row is.

    Args:
        predictor: The model.
        evidence: Its evidence.
        row: The raw row, `(F,)`.
        inputs: Its inputs, `(1, I)`.
        threshold: Decision threshold; NaN if the model has none.
    """
    prediction = predictor.predict_inputs(inputs)
    is_number = predictor.schema.target.link == "linear"
    return Certainty(
        members_of(predictor, inputs, threshold),
        None if is_number else evidence.conformal.sets(prediction)[0],
        evidence.conformal.intervals(prediction)[0] if is_number else None,
        None if evidence.distance is None else evidence.distance.percentile(row),
    )
