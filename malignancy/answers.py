"""Answers of the service as typed values.

Each keeps the JSON that it was read from in `fields`, which has fields of later versions, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

from malignancy.errors import FieldError

Outcome = Literal["recorded", "superseded", "unchanged"]


@dataclass(frozen=True)
class Prediction:
    """The prediction of one row.

    The task of the model decides which properties there are: `probability` and `label` of a binary
    target, `label` and `probabilities` of several classes, `labels` and `probabilities` of several
    labels, `value` or `values` of numbers. Another one raises AttributeError.

    Attributes:
        fields: The JSON of the answer.
        id: Name of the row for `feedback`; None if no store keeps predictions.
    """

    fields: Mapping[str, Any]
    id: str | None = None

    def _field(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            names = ", ".join(self.fields)
            raise AttributeError(f"this prediction has no {name}, but {names}") from None

    @property
    def probability(self) -> float:
        """Probability of the positive label, of a binary target."""
        return float(self._field("probability"))

    @property
    def label(self) -> str:
        """Predicted label, of a binary target or of one of several classes."""
        return str(self._field("label"))

    @property
    def decision(self) -> str:
        """Label, or "refer" within the refer band, of a model with such a band."""
        return str(self._field("decision"))

    @property
    def labels(self) -> list[str]:
        """Predicted labels, of any of several labels."""
        return list(self._field("labels"))

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of each class or label."""
        return dict(self._field("probabilities"))

    @property
    def value(self) -> float:
        """Predicted number, of a regression with one output."""
        return float(self._field("value"))

    @property
    def values(self) -> dict[str, float]:
        """Predicted numbers by output, of a regression with several outputs."""
        return dict(self._field("values"))

    @property
    def imputed(self) -> list[str]:
        """Features that were missing."""
        return list(self.fields.get("imputed", []))

    @property
    def clipped(self) -> list[str]:
        """Numbers that were clipped to their range."""
        return list(self.fields.get("clipped", []))

    @property
    def unknown(self) -> list[str]:
        """Categories that the model does not know."""
        return list(self.fields.get("unknown", []))


@dataclass(frozen=True)
class Explanation(Prediction):
    """A prediction with its explanations, as the route `/explain` answers them.

    A kind that was not requested raises AttributeError.
    """

    @property
    def shapley(self) -> dict[str, Any]:
        """Shapley values: how much each feature moves the prediction."""
        return dict(self._field("shapley"))

    @property
    def counterfactuals(self) -> dict[str, Any]:
        """Smallest changes of the row that change its label."""
        return dict(self._field("counterfactuals"))

    @property
    def curves(self) -> dict[str, Any]:
        """Prediction along each feature, with the others held."""
        return dict(self._field("curves"))

    @property
    def certainty(self) -> dict[str, Any]:
        """Agreement of the members, prediction set, and distance from the training rows."""
        return dict(self._field("certainty"))

    @property
    def neighbours(self) -> dict[str, Any]:
        """Held-out rows with a similar prediction."""
        return dict(self._field("neighbours"))


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """The predictions of many rows: a sequence, in the order of the rows.

    Attributes:
        predictions: Prediction of each row.
        model: Name and version of the model, as in "wisconsin@dd4a2a5417f5".
        threshold: Decision threshold; None for a model without.
        id: Id of the answer; None if no store keeps predictions.
        request_id: Id of the request in the log of the service.
    """

    predictions: Sequence[Prediction]
    model: str
    threshold: float | None
    id: str | None = None
    request_id: str | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | Sequence[Prediction]:
        return self.predictions[index]


@dataclass(frozen=True)
class Explanations(Sequence[Explanation]):
    """The explanations of rows: a sequence, in the order of the rows.

    Attributes:
        explanations: Explanation of each row.
        model: Name and version of the model.
        threshold: Decision threshold; None for a model without.
        reference: The rows that Shapley values compare with: name, number and mean prediction.
        partial_dependence: Predictions of the reference rows along each feature; None unless
            `curves` were requested.
        request_id: Id of the request in the log of the service.
    """

    explanations: Sequence[Explanation]
    model: str
    threshold: float | None
    reference: Mapping[str, Any]
    partial_dependence: Mapping[str, Any] | None = None
    request_id: str | None = None

    def __len__(self) -> int:
        return len(self.explanations)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    @overload
    def __getitem__(self, index: int) -> Explanation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Explanation]: ...
    def __getitem__(self, index: int | slice) -> Explanation | Sequence[Explanation]:
        return self.explanations[index]


@dataclass(frozen=True)
class TableAnswer:
    """The answer to a table.

    Attributes:
        content: The table of predictions, in the media type of the answer.
        media_type: Media type without parameters, such as "text/csv".
        model: Name and version of the model; None in a format that has it in the content.
        threshold: Decision threshold; None for a model without, or where it is in the content.
        id: Id of the answer; None if no store keeps predictions, or where it is in the content.
        request_id: Id of the request in the log of the service.
    """

    content: bytes
    media_type: str
    model: str | None = None
    threshold: float | None = None
    id: str | None = None
    request_id: str | None = None

    @property
    def text(self) -> str:
        """The content of a text, in UTF-8."""
        return self.content.decode()


@dataclass(frozen=True)
class Recorded:
    """One truth that was recorded.

    Attributes:
        id: Name of the prediction.
        outcome: "recorded", "superseded" (it replaces another truth) or "unchanged".
    """

    id: str
    outcome: Outcome


@dataclass(frozen=True)
class RecordedRows:
    """The outcome of many truths. Those in `errors` are not recorded, all others are.

    Attributes:
        rows: Number of truths.
        recorded: Number of new truths.
        superseded: Number of truths that replace another one.
        unchanged: Number of truths that were known.
        rejected: Number of truths that were not recorded.
        errors: Why not, by the number of the row: "feedback.2.id".
    """

    rows: int
    recorded: int
    superseded: int
    unchanged: int
    rejected: int
    errors: Sequence[FieldError]


@dataclass(frozen=True)
class Drift:
    """How much a feature, or the predictions, differ from those of the training.

    Attributes:
        name: Name of the feature or output.
        rows: Number of rows that are compared.
        psi: Population stability index.
        excess_psi: The part of it that chance does not explain.
        q: Adjusted p-value.
        drifted: Whether the difference is large and significant.
        fields: The JSON of the answer.
    """

    name: str
    rows: int
    psi: float
    excess_psi: float
    q: float
    drifted: bool
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Live:
    """How a model does in a time window.

    Attributes:
        model: Name and version of the active model.
        start: Beginning of the window, in ISO 8601.
        end: End of the window.
        rows: Number of predicted rows.
        labels: Numbers of rows by label.
        features: Drift of the features.
        predictions: Drift of the predictions.
        truth: Quality of the rows whose truth has arrived.
        expected: Expected quality of all rows; None if it cannot be estimated.
        fields: The JSON of the answer.
    """

    model: str
    start: str
    end: str
    rows: int
    labels: Mapping[str, int]
    features: Sequence[Drift]
    predictions: Sequence[Drift]
    truth: Mapping[str, Any]
    expected: Mapping[str, Any] | None
    fields: Mapping[str, Any]

    @property
    def drifted(self) -> list[str]:
        """Names of the features and predictions that drifted."""
        return [each.name for each in (*self.features, *self.predictions) if each.drifted]


@dataclass(frozen=True)
class Model:
    """Description of a model.

    Attributes:
        name: Name of the model.
        version: SHA-256 of the artifact.
        title: Name and version, as in answers.
        features: The features in the order of the schema: name, type, range, and more.
        target: The target, with its task.
        threshold: Threshold of a request without one; None for a model without.
        operating_points: Thresholds by name.
        fields: The JSON of the answer.
    """

    name: str
    version: str
    title: str
    features: Sequence[Mapping[str, Any]]
    target: Mapping[str, Any]
    threshold: float | None
    operating_points: Mapping[str, float]
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Health:
    """Readiness of the service.

    Attributes:
        is_ready: Whether it is ready.
        detail: Why it is not ready; "" if it is.
        model: Name and version of the default model; None if it is not ready.
        models: Names and versions of all models.
        failures: Errors of reloads by name of the model; the active version goes on serving.
        fields: The JSON of the answer.
    """

    is_ready: bool
    detail: str
    model: str | None
    models: Sequence[str]
    failures: Mapping[str, str]
    fields: Mapping[str, Any]
