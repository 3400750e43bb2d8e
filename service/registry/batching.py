"""Rows of different requests that arrive in the same turn of the event loop, predicted together.

Of one row most of a prediction's time is that of a few dozen calls, which sixteen rows share: they
take twice the time of one. Nothing waits for more rows to come; a row alone goes alone.
"""

import asyncio
from collections.abc import Callable

import numpy as np

from model.arrays import Array


class MicroBatcher:
    """predict: of rows (B, features), perhaps refusing them all with an exception."""

    def __init__(self, predict: Callable[[Array], Array]) -> None:
        self._predict = predict
        self._asked: list[tuple[Array, asyncio.Future[Array]]] = []

    def predict(self, row: Array) -> asyncio.Future[Array]:
        """The prediction (1, outputs) of a row (1, features), or what refuses it."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._answer)
        future: asyncio.Future[Array] = loop.create_future()
        self._asked.append((row, future))
        return future

    def _answer(self) -> None:
        asked, self._asked = self._asked, []
        rows = [row for row, _ in asked]
        try:
            predictions = self._predict(np.concatenate(rows))
        except Exception:  # whichever row it was, the others are not to blame
            for row, future in asked:
                self._answer_alone(row, future)
            return
        for number, (_, future) in enumerate(asked):
            if not future.cancelled():
                future.set_result(predictions[number : number + 1])

    def _answer_alone(self, row: Array, future: asyncio.Future[Array]) -> None:
        if future.cancelled():
            return
        try:
            future.set_result(self._predict(row))
        except Exception as error:
            future.set_exception(error)
