"""Examples in the OpenAPI document: requests, and the answers of the loaded model to them."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from model.arrays import Array
from model.explanation.parts import finish
from model.prediction.target import MultiLabel, Regression
from service.codecs.blocks import Block, ScoredBlock, TableWriter
from service.codecs.charge import uncharged
from service.codecs.negotiation import CSV, NDJSON, TSV
from service.codecs.tabular.csv_writer import CsvWriter
from service.codecs.tabular.ndjson import NdjsonWriter
from service.inference.answer import Answer
from service.inference.explain_query import parse_explain_query
from service.inference.explanations import explain
from service.inference.instances import predict_json
from service.inference.open_inference import infer
from service.openapi.schemas.json_schema import Json
from service.problems import Problem
from service.registry.model_version import ModelVersion

TABLE = "rows"  # name of the only example of a table


class PredictionExamples:
    """Requests with typical rows, and the answers of a model to them.

    A typical row has the values that replace missing ones, so no example is the data of a person.
    The second row has a missing value, if a feature may be missing. An answer is computed by the
    same functions as the answer to a request; it is left out if the model rejects the rows.

    Args:
        model_version: The model.

    Attributes:
        rows: Typical rows as objects.
    """

    def __init__(self, model_version: ModelVersion) -> None:
        self._model_version = model_version
        self._threshold = model_version.thresholds.active
        predictor = model_version.predictor
        features, typical = predictor.schema.features, predictor.encoder.fill
        self._values: Array = np.stack([typical, typical])[: model_version.max_rows].astype(float)
        row: Json = {
            feature.name: feature.spelled(value)
            for feature, value in zip(features, typical.tolist(), strict=True)
        }
        self.rows = [dict(row) for _ in self._values]
        missing = [index for index, feature in enumerate(features) if feature.may_be_missing]
        if missing and len(self.rows) > 1:
            self._values[1, missing[0]] = np.nan
            self.rows[1][features[missing[0]].name] = None

    @property
    def arrays(self) -> list[list[Any]]:
        """Typical rows as arrays, features in order."""
        return [list(row.values()) for row in self.rows]

    def truth(self) -> Any:
        """Return a truth of a row."""
        target = self._model_version.predictor.schema.target
        if isinstance(target, Regression):
            values = dict.fromkeys(target.outputs, 1.0)
            return values if len(values) > 1 else 1.0
        return [target.names[0]] if isinstance(target, MultiLabel) else target.names[-1]

    def json_requests(self) -> Json:
        """Return JSON bodies by name of the example."""
        return {
            "one": _example("One instance", self.rows[0]),
            "objects": _example("Many instances as objects", {"instances": self.rows}),
            "arrays": _example(
                "Many instances as arrays, features in order", {"instances": self.arrays}
            ),
        }

    def json_responses(self) -> Json:
        """Return the answers to `json_requests`."""
        return self._responses(self.json_requests(), self._predict)

    def explain_requests(self) -> Json:
        """Return JSON bodies of requests for explanations by name of the example."""
        requests = self.json_requests()
        return {name: requests[name] for name in ("one", "objects")}

    def explain_responses(self) -> Json:
        """Return the answers to `explain_requests`."""

        def compute(request: Json) -> Any:
            query = parse_explain_query(self._model_version, b"")
            answer = finish(explain(self._model_version, to_json(request), query, uncharged))
            return from_json(_content(answer))

        return self._responses(self.explain_requests(), compute)

    def mlflow_requests(self) -> Json:
        """Return JSON bodies in the forms of MLflow by name of the example."""
        split = {"columns": list(self.rows[0]), "data": self.arrays}
        return {
            "dataframe_split": _example("Columns and data", {"dataframe_split": split}),
            "dataframe_records": _example("Rows as objects", {"dataframe_records": self.rows}),
            "instances": _example("Instances", {"instances": self.rows}),
            "inputs": _example("Inputs", {"inputs": self.arrays}),
        }

    def mlflow_responses(self) -> Json:
        """Return the answers to `mlflow_requests` and to a table, which are equal."""
        same = {**self.mlflow_requests(), TABLE: _example("Table", None)}
        return self._responses(same, lambda _: self._predict({"instances": self.rows}))

    def tensor_requests(self, tensor: Json) -> Json:
        """Return bodies of the Open Inference Protocol by name of the example.

        Args:
            tensor: Name and datatype of the input of all features.
        """
        shape = [len(self.rows), len(self.rows[0])]
        data = [self._tensor_row(row) for row in self._values.tolist()]
        inputs = [{**tensor, "shape": shape, "parameters": {}, "data": data}]
        return {TABLE: _example("All features in one tensor", {"inputs": inputs})}

    def tensor_responses(self, tensor: Json) -> Json:
        """Return the answers to `tensor_requests` with the same argument."""

        def compute(request: Json) -> Any:
            answer = infer(self._model_version, to_json(request), None, self._threshold)
            return from_json(_content(answer))

        return self._responses(self.tensor_requests(tensor), compute)

    def csv_requests(self, delimiter: str = ",") -> Json:
        """Return CSV bodies with a delimiter by name of the example."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        writer.writerow(self.rows[0])
        writer.writerows(map(_cell, row.values()) for row in self.rows)
        return {TABLE: _example("Table", text.getvalue())}

    def csv_responses(self, delimiter: str = ",") -> Json:
        """Return the answers to `csv_requests` with the same delimiter."""
        target = self._model_version.predictor.schema.target
        facts = self._model_version.facts(self._threshold)
        writer = CsvWriter(target, self._threshold, facts, mark=False, delimiter=delimiter)
        return self._table_responses(writer)

    def ndjson_requests(self) -> Json:
        """Return NDJSON bodies by name of the example."""
        return {
            TABLE: _example("Table", "".join(f"{to_json(row).decode()}\n" for row in self.rows))
        }

    def ndjson_responses(self) -> Json:
        """Return the answers to `ndjson_requests`."""
        encoder, facts = self._model_version.encoder, self._model_version.facts(self._threshold)
        return self._table_responses(NdjsonWriter(encoder, self._threshold, facts))

    def add_table_requests(self, content: Json) -> None:
        """Add examples to the media types of tables of rows."""
        content[CSV]["examples"] = self.csv_requests()
        content[TSV]["examples"] = self.csv_requests("\t")
        content[NDJSON]["examples"] = self.ndjson_requests()

    def add_table_responses(self, content: Json) -> None:
        """Add examples to the media types of tables of predictions."""
        content[CSV]["examples"] = self.csv_responses()
        content[TSV]["examples"] = self.csv_responses("\t")
        content[NDJSON]["examples"] = self.ndjson_responses()

    def _predict(self, request: Json) -> Any:
        answer = predict_json(self._model_version, to_json(request), self._threshold)
        return from_json(_content(answer))

    def _table_responses(self, writer: TableWriter) -> Json:
        def answer(_: Any) -> str:
            predictions = self._model_version.predict(self._values)
            scored = ScoredBlock(Block(self._values), predictions, None)
            return b"".join([writer.begin(None), writer.rows(scored), writer.end()]).decode()

        return self._responses({TABLE: _example("Table", None)}, answer)

    def _responses(self, requests: Json, answer: Callable[[Any], Any]) -> Json:
        responses = {}
        for name, request in requests.items():
            try:
                responses[name] = _example(request["summary"], answer(request["value"]))
            except Problem:  # for example because the typical row overflows
                continue
        return responses

    def _tensor_row(self, row: Iterable[float]) -> list[float | None]:
        return [None if np.isnan(value) else value for value in row]


def _example(summary: str, value: Any) -> Json:
    """Return an OpenAPI Example Object.

    Args:
        summary: Short description.
        value: The example.
    """
    return {"summary": summary, "value": value}


def _content(answer: Answer) -> bytes:
    assert isinstance(answer.body, list)
    return b"".join(answer.body)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
