"""One version of a model in service: a predictor, and all that is made of it once."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import MalignancyError, NetworkError
from model.prediction.predictor import Predictor, piece_rows
from service.codecs.json.limits import JsonLimits
from service.codecs.json.parser import InstanceParser
from service.codecs.open_inference.inputs import InputTensors
from service.codecs.open_inference.outputs import OutputTensors
from service.codecs.open_inference.request import RequestLimits
from service.problems import FieldError, Problem
from service.registry.batching import MicroBatcher
from service.registry.metadata import describe
from service.registry.model_card import markdown_card
from service.registry.thresholds import Thresholds
from service.registry.validation_metrics import Metric, validation_metrics
from service.request_context import request_context
from service.settings import Settings

MAX_VALUES = 5_000_000  # in the rows of one request

CountLabels = Callable[[Mapping[str, int]], None]


class ModelVersion:
    """What a request needs of a model. Safe from many threads at once.

    count: told how many rows are answered each label (see `Target.tally`). Raises SettingError
    when the settings do not fit the model.
    """

    def __init__(
        self, predictor: Predictor, settings: Settings, count: CountLabels = lambda *_: None
    ) -> None:
        self.predictor = predictor
        self.thresholds = Thresholds(predictor.operating_points, settings.threshold)
        # A row of a model of many features, all of them missing, is two bytes of a body.
        self.max_rows = min(settings.max_rows, MAX_VALUES // len(predictor.schema.features))
        self.parser = InstanceParser(predictor.schema, self.max_rows)
        self.input_tensors = InputTensors(predictor.schema, self.max_rows)
        self.output_tensors = OutputTensors(predictor.schema.target)
        features, outputs = len(predictor.schema.features), len(self.output_tensors.by_name)
        # An index may be of several levels.
        self.frame_limits = JsonLimits(self.max_rows * (features + 10), 2 * self.max_rows + 10)
        self.tensor_limits = RequestLimits.for_model(self.max_rows, features, outputs)
        self.title = predictor.title
        self._count = count
        # Not a method: a version that is replaced goes at once, not when somebody looks for cycles.
        self._batcher = MicroBatcher(partial(_predict_finite, predictor))

    @cached_property
    def description(self) -> dict[str, Any]:
        """What /model answers."""
        return describe(self.predictor, self.thresholds)

    @cached_property
    def card(self) -> str:
        """The same as Markdown."""
        return markdown_card(self.description)

    @cached_property
    def block_parser(self) -> InstanceParser:
        """What the instances in one block of a table may be."""
        schema = self.predictor.schema
        return InstanceParser(schema, piece_rows(len(schema.features)))

    def require_ready(self) -> None:
        """Raise Problem (503) unless the self-test rows give their expected outputs now."""
        try:
            self.predictor.replay_self_test()
        except MalignancyError as error:
            raise Problem(503, f"Not ready: {error}.", headers={"Retry-After": "10"}) from error

    @cached_property
    def validation_metrics(self) -> list[Metric]:
        """What monitoring watches, at the threshold in force."""
        return validation_metrics(self.predictor, self.thresholds.active)

    def predict_and_count(self, rows: Array, threshold: float) -> Array:
        """Predictions (B, outputs), finite, of rows (B, features) that keep the schema, NaN where
        missing, to be answered at this threshold.

        Raises Problem (422): a feature without a range lets values in that overflow.
        """
        predictions = self.predict(rows)
        self.record(len(predictions), self.count_labels(predictions, threshold))
        return predictions

    async def predict_batched(self, row: Array, threshold: float) -> Array:
        """The same, (1, outputs), of a row (1, features), together with those of other requests
        that arrive at the same time. Raises Problem (422).
        """
        prediction = await self._batcher.predict(row)
        self.record(1, self.count_labels(prediction, threshold))
        return prediction

    def predict(self, rows: Array) -> Array:
        """The same of a part of a request; whether it is answered is seen later, and then to be
        counted. Raises Problem (422).
        """
        return _predict_finite(self.predictor, rows)

    def count_labels(self, predictions: Array, threshold: float) -> Mapping[str, int]:
        """How many of them (B, outputs) are told each label."""
        return self.predictor.schema.target.tally(predictions, threshold)

    def record(self, rows: int, labels: Mapping[str, int]) -> None:
        """Have it known that so many rows are answered, and with which labels."""
        request = request_context.get()
        request.model = self.title
        request.rows += rows
        self._count(labels)


def _predict_finite(predictor: Predictor, rows: Array) -> Array:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = predictor.predict(rows)
        if np.isfinite(predictions).all():
            return predictions
    except NetworkError:
        pass
    rule = "must hold values small enough for a finite answer"
    raise Problem.invalid([FieldError(field="body", rule=rule)])
