"""Predictions of a few rows in JSON."""

from collections.abc import Callable
from time import perf_counter
from typing import Final, cast

from model.arrays import Array
from service.codecs.json.parser import ParsedRows
from service.compression.accept_encoding import AcceptedCoding
from service.fast_path.recorder import Recorder
from service.inference.instances import encode_answer, parse_short
from service.observability.request_ids import new_request_id
from service.overload.memory import UNCHARGED_BYTES
from service.protocol.direct_requests import Responder
from service.registry.model_version import ModelVersion
from service.request_context import RequestContext

MAX_NUMBERS: Final = 100  # of one answer, so that it is small; fixed


class PredictionHandler:
    """Predicts the instances of JSON bodies, by the functions that `PredictEndpoint` calls.

    Args:
        recorder: Sends, counts and logs the responses.
        find: Returns the version of the model that answers a request, or raises Problem.
        route: Path template, for metrics and log lines.
        query: The query string.
        request_id: The id that the client has given; None to generate one for each request.
        accepted: The coding that the client accepts.
        key: The id of the API key; "" without one.
    """

    __slots__ = ("_find", "_key", "_query", "_request_id", "_route", "accepted", "recorder")

    def __init__(
        self,
        recorder: Recorder,
        find: Callable[[RequestContext], ModelVersion],
        route: str,
        query: bytes,
        request_id: bytes | None,
        accepted: AcceptedCoding,
        key: str = "",
    ) -> None:
        self.recorder, self.accepted, self._key = recorder, accepted, key
        self._find, self._route, self._query, self._request_id = find, route, query, request_id

    def start(self, body: bytes, responder: Responder) -> bool:
        """Begin to answer a request (see `Handler`).

        Args:
            body: The whole body.
            responder: The connection.
        """
        if len(body) > UNCHARGED_BYTES:
            return False
        started_at = perf_counter()
        identity = self._request_id or new_request_id()
        request = RequestContext(identity.decode(), self._route, key=self._key)
        try:
            model_version = self._find(request)
            threshold = model_version.thresholds.active
            if self._query:
                threshold, _ = model_version.thresholds.parse_table_query(self._query)
            rows = parse_short(model_version, body)
        except Exception:  # raised again, and reported, in the ASGI application
            return False
        if rows is None:
            return False
        count = rows.count
        if count * model_version.outputs > MAX_NUMBERS:
            return False
        request.model, request.rows = model_version.title, count
        self.recorder.telemetry.started()
        prediction = _Prediction(
            self, responder, request, model_version, rows, threshold, started_at
        )
        try:
            if count == 1:
                model_version.submit(rows, prediction)
                return True
            predictions = model_version.predict_parsed(rows)
        except Exception:
            self.recorder.telemetry.withdrawn()
            return False
        prediction.succeed(predictions)
        return True


class _Prediction:
    """Valid rows of a request, waiting for their predictions (see `Submission`)."""

    __slots__ = (
        "_handler",
        "_model_version",
        "_request",
        "_responder",
        "_rows",
        "_started_at",
        "_threshold",
    )

    def __init__(
        self,
        handler: PredictionHandler,
        responder: Responder,
        request: RequestContext,
        model_version: ModelVersion,
        rows: ParsedRows,
        threshold: float,
        started_at: float,
    ) -> None:
        self._handler, self._responder, self._request = handler, responder, request
        self._model_version, self._rows = model_version, rows
        self._threshold, self._started_at = threshold, started_at

    def succeed(self, predictions: Array) -> None:
        try:
            answer = encode_answer(
                self._model_version,
                self._rows,
                predictions,
                self._threshold,
                request=self._request,
            )
        except Exception as error:
            self.fail(error)
            return
        self._model_version.count(answer.labels)
        if answer.recording is not None:
            answer.recording.commit()
        body = b"".join(cast(list[bytes], answer.body))
        handler = self._handler
        handler.recorder.send_json(
            self._responder, self._request, body, handler.accepted, self._started_at
        )

    def fail(self, error: Exception) -> None:  # noqa: ARG002 - raised again without the fast path
        self._handler.recorder.telemetry.withdrawn()
        self._responder.fall_back()
