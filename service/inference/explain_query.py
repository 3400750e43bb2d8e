"""Query of a request for explanations: the threshold, the reference rows, and the kinds."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from model.errors import DataError
from model.explanation.reference import REFERENCES, Reference, reference_of
from model.prediction.predictor import Predictor
from model.prediction.target import Regression
from service.problems import FieldError, Problem
from service.registry.model_version import ModelVersion
from service.registry.thresholds import read_query

SHAPLEY, COUNTERFACTUALS, CURVES = "shapley", "counterfactuals", "curves"
CERTAINTY, NEIGHBOURS = "certainty", "neighbours"
KINDS: Final = (SHAPLEY, COUNTERFACTUALS, CURVES, CERTAINTY, NEIGHBOURS)
DEFAULT_KINDS: Final = (SHAPLEY, COUNTERFACTUALS, CERTAINTY)


@dataclass(frozen=True, slots=True)
class ExplainQuery:
    """What to explain.

    Attributes:
        threshold: Decision threshold, 0 to 1; NaN if the model has none.
        reference: The reference rows of Shapley values.
        kinds: Kinds of explanations, of `KINDS`.
    """

    threshold: float
    reference: Reference
    kinds: Collection[str]


def parse_explain_query(model_version: ModelVersion, query: bytes) -> ExplainQuery:
    """Parse the query string of a request for explanations.

    Args:
        model_version: The model that predicts.
        query: Query string without "?".

    Raises:
        Problem: 422, because the query is invalid, or the model does not have what it names.
    """
    given = read_query(query, "threshold", "reference", "include")
    predictor = model_version.predictor
    threshold = model_version.thresholds.resolve(given.get("threshold"))
    usual = REFERENCES[0] if predictor.sample is not None else "typical"
    try:
        reference = reference_of(predictor, given.get("reference", usual))
    except DataError as error:
        raise Problem.invalid([FieldError(field="reference", rule=str(error))]) from None
    known = kinds_of(predictor)
    if "include" not in given:
        return ExplainQuery(threshold, reference, [kind for kind in DEFAULT_KINDS if kind in known])
    kinds = given["include"].split(",")
    if not set(kinds) <= set(known):
        rule = f"must hold some of {', '.join(known)}, separated by commas"
        raise Problem.invalid([FieldError(field="include", rule=rule)])
    return ExplainQuery(threshold, reference, kinds)


def kinds_of(predictor: Predictor) -> list[str]:
    """Return the kinds of explanations that a model has: numbers have no counterfactuals."""
    has_labels = not isinstance(predictor.schema.target, Regression)
    return [kind for kind in KINDS if has_labels or kind != COUNTERFACTUALS]
