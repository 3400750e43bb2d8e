"""One version of a model in service: a predictor and everything derived from it once."""

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from model.drift.reference import DriftReference, drift_reference
from model.errors import MalignancyError, NetworkError
from model.prediction.predictor import Predictor
from service.codecs.answer_facts import AnswerFacts
from service.codecs.json.limits import JsonLimits, row_punctuation
from service.codecs.json.parser import InstanceParser, ParsedRows
from service.codecs.open_inference.inputs import InputTensors
from service.codecs.open_inference.outputs import OutputTensors
from service.codecs.open_inference.request import RequestLimits
from service.codecs.predictions import PredictionEncoder
from service.problems import FieldError, Problem
from service.registry.batching import AwaitedSubmission, MicroBatcher, Submission
from service.registry.curves import describe_curves
from service.registry.metadata import describe, describe_metrics
from service.registry.model_card import markdown_card
from service.registry.recording import OpenRecording, Recorder
from service.registry.thresholds import Thresholds
from service.registry.validation_metrics import Metric, validation_metrics
from service.request_context import request_context
from service.settings import Settings

if TYPE_CHECKING:
    from model.explanation.certainty import Evidence
    from model.explanation.curves import PartialDependence

FINITE_RULE = "must hold values small enough for a finite answer"
MAX_EXPLAINED_ROWS = 20  # of one request; fixed
MAX_VALUES = 5_000_000  # rows × features of one request; fixed

R = TypeVar("R")

# Called with the number of predicted rows of each label.
CountLabels = Callable[[Mapping[str, int]], None]


class ModelVersion:
    """One version of a model, with its parsers, limits, thresholds and metadata. Thread-safe.

    Args:
        predictor: The loaded artifact.
        settings: Settings of the service.
        count: Counter of predicted rows by label (see `Target.tally`).
        recorder: Records the predictions of answers; None without a store.

    Attributes:
        predictor: The loaded artifact.
        title: Name and version, as in answers.
        thresholds: Parser of thresholds, with the active threshold.
        features: Number of features of a row.
        outputs: Number of predictions of a row.
        count: The argument.
        recorder: The argument.
        max_rows: Maximum number of rows of a JSON or tensor request.
        parser: Parser of JSON instances.
        encoder: Encoder of predicted rows.
        input_tensors: Decoder of Open Inference Protocol inputs.
        output_tensors: Encoder of Open Inference Protocol outputs.
        frame_limits: Limits of the JSON of an MLflow data frame.
        tensor_limits: Limits of an Open Inference Protocol request.
        path: Path of the artifact's file; None for a model that was not loaded from a file.
        evidence: What the first request for explanations has computed for all rows.
        partial_dependences: The same, of the first request for curves.

    Raises:
        SettingError: The settings do not fit the model.
    """

    def __init__(
        self,
        predictor: Predictor,
        settings: Settings,
        count: CountLabels = lambda *_: None,
        recorder: Recorder | None = None,
    ) -> None:
        self.predictor = predictor
        self.thresholds = Thresholds(predictor.operating_points, settings.threshold)
        self.features = len(predictor.schema.features)
        # A row takes only two bytes of a body if all its features are missing, so the size of the
        # body does not limit the memory of the rows of a model with many features.
        self.max_rows = min(settings.max_rows, MAX_VALUES // self.features)
        self.outputs = len(predictor.schema.target.names)
        self.recorder = recorder
        self.parser = InstanceParser(predictor.schema, self.max_rows, predictor.row_tables)
        self.encoder = PredictionEncoder(predictor.schema)
        self.input_tensors = InputTensors(predictor.schema, self.max_rows)
        self.output_tensors = OutputTensors(predictor.schema.target)
        features, outputs = (
            self.features,
            len(self.output_tensors.by_name) + len(self.encoder.facts.names),
        )
        # 10 values a row more than its features, since the index may have several levels.
        in_strings = self.max_rows * row_punctuation(predictor.schema)
        self.frame_limits = JsonLimits(
            self.max_rows * (features + 10), 2 * self.max_rows + 10, in_strings=in_strings
        )
        self.tensor_limits = RequestLimits.for_model(self.max_rows, features, outputs, in_strings)
        self.evidence: Evidence | None = None
        self.partial_dependences: list[PartialDependence] | None = None
        self.path: Path | None = None
        self.title = predictor.title
        self._usual_end = self._new_end(self.thresholds.active)
        self._usual_named_end = _before_name(self._usual_end)
        self.count = count
        # A bound method would be a reference cycle, which delays freeing a replaced version until
        # the next garbage collection.
        self._batcher = MicroBatcher(partial(_predict_finite, predictor.predict_encoded))

    @cached_property
    def explain_parser(self) -> InstanceParser:
        """Parser of the JSON instances of a request for explanations."""
        return InstanceParser(self.predictor.schema, min(MAX_EXPLAINED_ROWS, self.max_rows))

    @cached_property
    def description(self) -> dict[str, Any]:
        """Answer of GET /model."""
        return describe(self.predictor, self.thresholds)

    @cached_property
    def description_json(self) -> bytes:
        """Answer of GET /model, as JSON."""
        return to_json(self.description)

    @cached_property
    def curves_json(self) -> bytes:
        """Answer of GET /models/{name}/curves, as JSON."""
        return to_json(describe_curves(self.predictor))

    @cached_property
    def card(self) -> str:
        """Answer of GET /model/card: the description as Markdown."""
        return markdown_card(self.description)

    def end_of_answer(self, threshold: float, name: str | None = None) -> bytes:
        """Return the last fields of an answer in JSON, from a comma to its closing brace.

        Args:
            threshold: Decision threshold, 0 to 1; NaN if the model has none.
            name: Name of the answer in the store; None without one.
        """
        # The same object, as NaN is not equal to itself.
        is_usual = threshold is self.thresholds.active
        if name is None:
            return self._usual_end if is_usual else self._new_end(threshold)
        end = self._usual_named_end if is_usual else _before_name(self._new_end(threshold))
        return b'%b%b"}' % (end, name.encode())

    def _new_end(self, threshold: float) -> bytes:
        return self.facts(threshold).end

    def begin_recording(self, threshold: float) -> OpenRecording | None:
        """Begin to record the predictions of the answer to a request; None without a store.

        Args:
            threshold: Decision threshold, 0 to 1; NaN if the model has none.
        """
        if self.recorder is None:
            return None
        return self.recorder.begin(threshold, request_context.get())

    def facts(self, threshold: float, name: str | None = None) -> AnswerFacts:
        """Return the facts of an answer.

        Args:
            threshold: Decision threshold, 0 to 1; NaN if the model has none.
            name: Name of the answer in the store; None without one.
        """
        fields: dict[str, float | str] = {
            **self.thresholds.as_fields(threshold),
            "model": self.title,
            **({} if name is None else {"id": name}),
        }
        return AnswerFacts(fields, self.encoder.facts)

    def describe_metrics(self, threshold: float) -> dict[str, Any]:
        """Return the answer of GET /metrics in JSON, at a decision threshold."""
        return describe_metrics(self.predictor, self.thresholds, threshold)

    def require_ready(self) -> None:
        """Predict the self-test rows and compare them with the expected outputs.

        Raises:
            Problem: 503, because the outputs differ.
        """
        try:
            self.predictor.replay_self_test()
        except MalignancyError as error:
            raise Problem(503, f"Not ready: {error}.", headers={"Retry-After": "10"}) from error

    @cached_property
    def drift_reference(self) -> DriftReference | None:
        """Bins and reference counts of drift; None for an artifact without."""
        return drift_reference(self.predictor)

    @cached_property
    def validation_metrics(self) -> list[Metric]:
        """Metrics on the validation rows at the active threshold."""
        return validation_metrics(self.predictor, self.thresholds.active)

    def predict(self, rows: Array) -> Array:
        """Predict valid rows.

        Args:
            rows: Rows `(B, features)` that fit the schema, NaN where missing; B may be 0.

        Returns:
            Finite predictions `(B, outputs)`.

        Raises:
            Problem: 422, because a value of a feature without a range causes an overflow.
        """
        if not len(rows):
            return np.empty((0, self.outputs))
        return _predict_finite(self.predictor.predict, rows)

    def predict_parsed(self, rows: ParsedRows) -> Array:
        """Predict rows of a short body, as `predict` does."""
        if rows.encoded is None:
            return self.predict(rows.values)
        return _predict_finite(self.predictor.predict_encoded, rows.encoded)

    def submit(self, row: ParsedRows, submission: Submission) -> None:
        """Predict one row together with rows of other requests (see `MicroBatcher`).

        Args:
            row: One row.
            submission: Receives its finite predictions `(1, outputs)`, or the Problem of `predict`.

        Raises:
            Problem: 422, as in `predict`.
        """
        encoded = row.encoded
        if encoded is None:
            encoded = [_predict_finite(self.predictor.encode, row.values).tobytes()]
        self._batcher.submit(encoded[0], submission)

    async def predict_batched(self, row: ParsedRows) -> Array:
        """Predict one row together with rows of other requests (see `MicroBatcher`).

        Args:
            row: One row.

        Returns:
            Finite predictions `(1, outputs)`.

        Raises:
            Problem: 422, as in `predict`.
        """
        future: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
        self.submit(row, AwaitedSubmission(future))
        return await future

    def record(self, rows: int, labels: Mapping[str, int]) -> None:
        """Record the answered rows in the request context and in the predictions counter.

        Args:
            rows: Number of rows.
            labels: Number of rows by predicted label.
        """
        request = request_context.get()
        request.model = self.title
        request.rows += rows
        self.count(labels)


def _before_name(end: bytes) -> bytes:
    """Return the end of an answer up to the name of the answer."""
    return end[:-1] + b',"id":"'


def _predict_finite(predict: Callable[[R], Array], rows: R) -> Array:
    """Return the finite predictions, or inputs, of rows. Raises Problem (422)."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = predict(rows)
        if np.count_nonzero(np.isfinite(predictions)) == predictions.size:  # half the time of all()
            return predictions
    except NetworkError:
        pass
    raise Problem.invalid([FieldError(field="body", rule=FINITE_RULE)])
