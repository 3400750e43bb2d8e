"""The client for programs with an event loop of asyncio or trio."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, overload

import anyio
import anyio.to_thread
import httpx

from malignancy import calls
from malignancy.answers import (
    Explanations,
    Health,
    Live,
    Model,
    Prediction,
    Predictions,
    Recorded,
    RecordedRows,
    TableAnswer,
)
from malignancy.calls import Call, Place, Threshold, Time
from malignancy.retries import Attempts, Retries
from malignancy.rows import Row, Rows
from malignancy.schemas import input_schema
from malignancy.sending import (
    DEFAULT_SECONDS,
    DEFAULT_URL,
    client_headers,
    delay_after_failure,
    delay_after_rejection,
    is_answer,
    value_of,
)

T = TypeVar("T")


class AsyncClient:
    """A client of one service: the methods of `Client`, awaited. It serves many tasks at once.

    Args:
        url: Address of the service, with the path prefix if it has one.
        api_key: API key, as `id.secret`.
        model: Name of the model; by default the default model of the service.
        version: First 12 digits or more of a version of the model; by default the active version.
        timeout: Seconds for a connection, and for each wait for a part of an answer; None for no
            limit.
        retries: Limits of repetitions.
        transport: Transport of httpx, such as `httpx.ASGITransport` of an application in the same
            process; by default a new one.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        model: str | None = None,
        version: str | None = None,
        timeout: float | None = DEFAULT_SECONDS,
        retries: Retries = Retries(),  # noqa: B008 - it is immutable
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._place = Place(model, version)
        self._retries = retries
        self._sleep: Callable[[float], Awaitable[None]] = anyio.sleep
        self._http = httpx.AsyncClient(
            base_url=url, headers=client_headers(api_key), timeout=timeout, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    @overload
    async def predict(
        self, rows: Row, *, threshold: Threshold | None = None, subject: str | None = None
    ) -> Prediction: ...
    @overload
    async def predict(
        self, rows: Rows, *, threshold: Threshold | None = None, subject: str | None = None
    ) -> Predictions: ...
    async def predict(
        self, rows: Any, *, threshold: Threshold | None = None, subject: str | None = None
    ) -> Prediction | Predictions:
        """Predict one row or many.

        Args:
            rows: One row as a mapping of features to values; or many rows, as mappings, as
                sequences of values in the order of the schema, a data frame of pandas or polars, a
                table of pyarrow, or a two-dimensional array. None, NaN and NA are missing values.
            threshold: Decision threshold from 0 to 1, or the name of an operating point; by default
                that of the service.
            subject: Person or case that the rows are about, for a store that keeps subjects.

        Returns:
            The prediction of one mapping; of many rows, the sequence of their predictions.
        """
        if isinstance(rows, Mapping):
            return await self._send(calls.predict_row(self._place, rows, threshold, subject))
        return await self._send(calls.predict_rows(self._place, rows, threshold, subject))

    async def predict_table(
        self,
        table: bytes | Path,
        *,
        media_type: str | None = None,
        accept: str | None = None,
        threshold: Threshold | None = None,
        on_error: str | None = None,
        subject: str | None = None,
    ) -> TableAnswer:
        """Predict a table of any length, such as CSV or Parquet.

        Args:
            table: Content of the table, or the path of its file.
            media_type: Media type of the content; by default that of the file's extension, and
                text/csv of bytes.
            accept: Media type of the answer; by default that of the content.
            threshold: Decision threshold, or name of an operating point.
            on_error: "refuse" (the default) rejects a table with an invalid row, "mark" answers
                such rows with their errors.
            subject: Person or case that the rows are about.

        Returns:
            The table of predictions.
        """
        # In a thread, since it may read a file.
        call = await anyio.to_thread.run_sync(
            calls.predict_table,
            self._place,
            table,
            media_type,
            accept,
            threshold,
            on_error,
            subject,
        )
        return await self._send(call)

    async def explain(
        self,
        rows: Row | Rows,
        *,
        include: Iterable[str] | None = None,
        reference: str | None = None,
        threshold: Threshold | None = None,
    ) -> Explanations:
        """Explain the predictions of 1 to 20 rows.

        Args:
            rows: Rows as for `predict`.
            include: Kinds of explanations: "shapley", "counterfactuals", "curves", "certainty" and
                "neighbours"; by default the first, the second and the fourth.
            reference: Rows that Shapley values compare with: "training", "negative", "positive" or
                "typical".
            threshold: Decision threshold, or name of an operating point.

        Returns:
            The explanations, in the order of the rows.
        """
        return await self._send(calls.explain(self._place, rows, include, reference, threshold))

    async def feedback(self, prediction: str, truth: Any) -> Recorded:
        """Record the truth of one prediction. The same truth again changes nothing.

        Args:
            prediction: Id of the prediction, as `Prediction.id`.
            truth: A label, a boolean, a number, a list of labels, or numbers by output.

        Returns:
            The outcome.
        """
        return await self._send(calls.feedback(prediction, truth))

    async def feedback_rows(
        self, truths: Mapping[str, Any] | Iterable[tuple[str, Any]]
    ) -> RecordedRows:
        """Record the truths of at most 10 000 predictions.

        Args:
            truths: Truths by id of the prediction, or pairs of both.

        Returns:
            The numbers of truths by outcome, and the errors of those that were rejected.
        """
        return await self._send(calls.feedback_rows(truths))

    async def live(
        self,
        *,
        start: Time | None = None,
        end: Time | None = None,
        by: str | None = None,
        threshold: Threshold | None = None,
        weighting: str | None = None,
    ) -> Live:
        """Get the volume, drift and quality of the model in a time window, from the store.

        Args:
            start: Beginning of the window; by default 7 days before its end.
            end: End of the window; by default now.
            by: Length of a period: "hour", "day" or "week".
            threshold: Decision threshold, or name of an operating point.
            weighting: "none", or "coverage" to weight rows with truth for those without.

        Returns:
            The figures, of all versions of the model together.
        """
        name = self._place.model or (await self.model()).name
        return await self._send(calls.live(name, start, end, by, threshold, weighting))

    async def model(self) -> Model:
        """Describe the active version of the model: schema, thresholds, recipe, data and scores."""
        return await self._send(calls.model(self._place.model))

    async def metrics(self, *, threshold: Threshold | None = None) -> dict[str, Any]:
        """Get the confusion matrices and scores of the validation and the training rows.

        Args:
            threshold: Decision threshold, or name of an operating point.
        """
        return await self._send(calls.metrics(self._place.model, threshold))

    async def input_schema(self) -> dict[str, Any]:
        """Get the JSON Schema of one row as a mapping of features to values."""
        return input_schema(await self._send(calls.openapi()), self._place.model)

    async def health(self) -> Health:
        """Check that the service is ready. A service that is not ready is an answer, no error."""
        return await self._send(calls.health())

    async def _send(self, call: Call[T]) -> T:
        attempts = Attempts(self._retries)
        while True:
            try:
                response = await self._http.request(
                    call.method,
                    call.path,
                    params=dict(call.params),
                    headers=dict(call.headers),
                    content=call.content,
                )
            except httpx.RequestError as error:
                delay = delay_after_failure(error, attempts)
            else:
                if is_answer(call, response):
                    return value_of(call, response)
                delay = delay_after_rejection(response, attempts)
            await self._sleep(delay)
