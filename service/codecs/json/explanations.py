"""Explanations as the objects that a JSON answer consists of."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from model.arrays import Array
from model.explanation.certainty import Certainty, Evidence
from model.explanation.counterfactuals import Counterfactual, Counterfactuals
from model.explanation.curves import Curve, PartialDependence
from model.explanation.distance import UNLIKE_PERCENTILE
from model.explanation.neighbours import SimilarLabels, SimilarNumbers
from model.explanation.reference import Reference
from model.explanation.shapley import ShapleyValues, scales_of
from model.prediction.predictor import Predictor
from model.prediction.target import MultiLabel

Json = dict[str, Any]


class ExplanationEncoder:
    """Encodes the explanations of one model's predictions as objects.

    A target with several outputs has one object for each of them, by name, in `outputs`.

    Args:
        predictor: The model.
    """

    def __init__(self, predictor: Predictor) -> None:
        schema = predictor.schema
        self._predictor, self._features, self._target = predictor, schema.features, schema.target
        self._outputs = schema.target.names if len(schema.target.names) > 1 else None
        self._scale = scales_of(predictor)[0]

    def reference(self, reference: Reference) -> Json:
        """Return the name and number of reference rows, and their mean prediction.

        Args:
            reference: The rows.
        """
        mean = self._predictor.predict_inputs(reference.inputs).mean(axis=0).tolist()
        return {
            "name": reference.name,
            "rows": len(reference.inputs),
            **self._by_output(lambda output: {self._scale: mean[output]}),
        }

    def shapley(self, values: ShapleyValues) -> Json:
        """Return the Shapley values of one row.

        Args:
            values: The values.
        """
        method: Json = {"method": "exact"}
        if values.standard_error is not None:
            method = {
                "method": "sampled",
                "permutations": values.permutations,
                "standard_error": float(values.standard_error[0]),
            }
        reference, effects = values.reference.tolist(), values.values

        def of_output(output: int) -> Json:
            return {
                scale: {
                    "reference": reference[place][output],
                    "values": self._by_feature(effects[place, :, output].tolist()),
                }
                for place, scale in enumerate(values.scales)
            }

        return method | self._by_output(of_output)

    def counterfactuals(self, found: list[Counterfactuals], threshold: float) -> Json:
        """Return what would change the label of one row; of a multi-label target each label.

        Args:
            found: The changes.
            threshold: Decision threshold; NaN if the model has none.
        """
        if isinstance(self._target, MultiLabel):
            return {"labels": {str(each.label): self._changes(each, threshold) for each in found}}
        return self._changes(found[0], threshold)

    def _changes(self, changes: Counterfactuals, threshold: float) -> Json:
        return {
            "method": "exhaustive" if changes.is_exhaustive else "beam",
            "found": [self._counterfactual(each, threshold) for each in changes.found],
        }

    def _counterfactual(self, found: Counterfactual, threshold: float) -> Json:
        changed = {
            self._features[n].name: self._features[n].spelled(float(found.row[n]))
            for n in found.features
        }
        (answer,) = self._target.answers(found.prediction[None], threshold)
        return {"changes": changed, **answer}

    def curves(self, curves: list[Curve]) -> Json:
        """Return the predictions of one row along each feature.

        Args:
            curves: The curves, by feature.
        """
        return self._by_feature(
            [
                {
                    "values": self._spelled(place, curve.values),
                    **self._by_output(partial(self._along, curve.predictions)),
                }
                for place, curve in enumerate(curves)
            ]
        )

    def partial_dependences(self, dependences: list[PartialDependence]) -> Json:
        """Return the predictions of the training rows along each feature.

        Args:
            dependences: The partial dependences, by feature; may be empty.
        """
        if not dependences:
            return {}

        def of_feature(place: int, each: PartialDependence) -> Json:
            return {
                "values": self._spelled(place, each.values),
                **self._by_output(
                    lambda n: {
                        "mean": _column(each.mean, n),
                        "low": _column(each.low, n),
                        "high": _column(each.high, n),
                    }
                ),
            }

        features = [of_feature(place, each) for place, each in enumerate(dependences)]
        return {"rows": dependences[0].rows, "features": self._by_feature(features)}

    def certainty(self, certainty: Certainty, evidence: Evidence) -> Json:
        """Return how sure the prediction of one row is.

        Args:
            certainty: The members, sets or intervals, and distance of the row.
            evidence: What they follow from.
        """
        answer: Json = {}
        if (members := certainty.members) is not None:
            low, high = members.low.tolist(), members.high.tolist()
            answer["members"] = self._by_output(lambda n: {"low": low[n], "high": high[n]})
            if members.agreement is not None:
                answer["members"]["agreement"] = members.agreement
        if certainty.intervals is not None:
            ends = certainty.intervals.tolist()
            answer["interval"] = self._by_output(
                lambda n: {"low": _finite(ends[n][0]), "high": _finite(ends[n][1])}
            )
        elif certainty.sets is not None and isinstance(self._target, MultiLabel):
            answer["sets"] = dict(zip(self._target.labels, certainty.sets, strict=True))
        elif certainty.sets is not None:
            (answer["set"],) = certainty.sets
        answer |= {"level": evidence.conformal.level, "source": evidence.held_out.source}
        if too_few := evidence.conformal.too_few:
            answer["too_few_rows"] = too_few
        if certainty.percentile is not None:
            answer["distance_percentile"] = certainty.percentile
            answer["unlike_training"] = certainty.percentile > UNLIKE_PERCENTILE
        return answer

    def neighbours(
        self, neighbours: Sequence[SimilarLabels | SimilarNumbers], evidence: Evidence
    ) -> Json:
        """Return what was true of held-out rows with similar predictions.

        Args:
            neighbours: The rows, by output.
            evidence: The held-out rows.
        """
        source = {"source": evidence.held_out.source}
        return source | self._by_output(lambda n: vars(neighbours[n]))

    def _along(self, predictions: Array, output: int) -> Json:
        return {self._scale: _column(predictions, output)}

    def _spelled(self, feature: int, values: Array) -> list[Any]:
        return [self._features[feature].spelled(value) for value in values.tolist()]

    def _by_feature(self, values: Sequence[Any]) -> Json:
        names = (feature.name for feature in self._features)
        return dict(zip(names, values, strict=True))

    def _by_output(self, of_output: Callable[[int], Json]) -> Json:
        if self._outputs is None:
            return of_output(0)
        return {"outputs": {name: of_output(n) for n, name in enumerate(self._outputs)}}


def _column(predictions: Array, output: int) -> list[float]:
    """Return one output of predictions `(B, outputs)`."""
    column: list[float] = predictions[:, output].tolist()
    return column


def _finite(end: float) -> float | None:
    """Return an end of an interval; None for one without limit."""
    return end if abs(end) < float("inf") else None
