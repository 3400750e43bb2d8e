"""One version of a model in service: a predictor, and all that is made of it once."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import MalignancyError, NetworkError
from model.prediction.predictor import Predictor, piece_rows
from service.codecs.json.limits import Bounds
from service.codecs.json.parser import Contract
from service.codecs.open_inference.inputs import InputTensors
from service.codecs.open_inference.outputs import OutputTensors
from service.codecs.open_inference.request import Most
from service.problems import FieldError, Problem
from service.registry.batching import Gathering
from service.registry.metadata import describe
from service.registry.model_card import markdown_card
from service.registry.thresholds import Thresholds
from service.registry.validation_metrics import Figure, validation_figures
from service.request_context import current_request
from service.settings import Settings

MOST_NUMBERS = 5_000_000  # in the rows of one request

Count = Callable[[Mapping[str, int]], None]


class Served:
    """What a request needs of a model. Safe from many threads at once.

    count: told how many rows are answered each label (see `Target.tally`). Raises SettingError
    when the settings do not fit the model.
    """

    def __init__(
        self, predictor: Predictor, settings: Settings, count: Count = lambda *_: None
    ) -> None:
        self.predictor = predictor
        self.thresholds = Thresholds(predictor.operating_points, settings.threshold)
        # A row of a model of many features, all of them missing, is two bytes of a body.
        self.max_rows = min(settings.max_rows, MOST_NUMBERS // len(predictor.schema.features))
        self.contract = Contract(predictor.schema, self.max_rows)
        self.input_tensors = InputTensors(predictor.schema, self.max_rows)
        self.output_tensors = OutputTensors(predictor.schema.target)
        features, outputs = len(predictor.schema.features), len(self.output_tensors.by_name)
        # An index may be of several levels.
        self.most_of_frames = Bounds(self.max_rows * (features + 10), 2 * self.max_rows + 10)
        self.most_tensors = Most.of(self.max_rows, features, outputs)
        self.title = predictor.title
        self._count = count
        # Not a method: a version that is replaced goes at once, not when somebody looks for cycles.
        self._gathering = Gathering(partial(_finite, predictor))

    @cached_property
    def description(self) -> dict[str, Any]:
        """What /model answers."""
        return describe(self.predictor, self.thresholds)

    @cached_property
    def card(self) -> str:
        """The same as Markdown."""
        return markdown_card(self.description)

    @cached_property
    def block_contract(self) -> Contract:
        """What the instances in one block of a table may be."""
        schema = self.predictor.schema
        return Contract(schema, piece_rows(len(schema.features)))

    def require_ready(self) -> None:
        """Raise Problem (503) unless the self-test rows give their expected outputs now."""
        try:
            self.predictor.replay_self_test()
        except MalignancyError as error:
            raise Problem(503, f"Not ready: {error}.", headers={"Retry-After": "10"}) from error

    @cached_property
    def validation_figures(self) -> list[Figure]:
        """What monitoring watches, at the threshold in force."""
        return validation_figures(self.predictor, self.thresholds.in_force)

    def predict(self, rows: Array, threshold: float) -> Array:
        """Predictions (B, outputs), finite, of rows (B, features) that keep the schema, NaN where
        missing, to be answered at this threshold.

        Raises Problem (422): a feature without a range lets values in that overflow.
        """
        predictions = self.predict_uncounted(rows)
        self.count(len(predictions), self.tally(predictions, threshold))
        return predictions

    async def predict_with_others(self, row: Array, threshold: float) -> Array:
        """The same, (1, outputs), of a row (1, features), together with those of other requests
        that arrive at the same time. Raises Problem (422)."""
        prediction = await self._gathering.predict(row)
        self.count(1, self.tally(prediction, threshold))
        return prediction

    def predict_uncounted(self, rows: Array) -> Array:
        """The same of a part of a request; whether it is answered is seen later, and then to be
        counted. Raises Problem (422)."""
        return _finite(self.predictor, rows)

    def tally(self, predictions: Array, threshold: float) -> Mapping[str, int]:
        """How many of them (B, outputs) are told each label."""
        return self.predictor.schema.target.tally(predictions, threshold)

    def count(self, rows: int, labels: Mapping[str, int]) -> None:
        """Have it known that so many rows are answered, and with which labels."""
        request = current_request.get()
        request.model = self.title
        request.rows += rows
        self._count(labels)


def _finite(predictor: Predictor, rows: Array) -> Array:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = predictor.predict(rows)
        if np.isfinite(predictions).all():
            return predictions
    except NetworkError:
        pass
    rule = "must hold values small enough for a finite answer"
    raise Problem.invalid([FieldError(field="body", rule=rule)])
