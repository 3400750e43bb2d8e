"""Tests of service.registry.batching: rows of one event-loop iteration share one prediction."""

import asyncio

import httpx
import numpy as np
import pytest
from support.background_failures import failures

from model.arrays import Array
from model.prediction.predictor import Predictor
from service.app import create_app
from service.registry.batching import AwaitedSubmission, MicroBatcher
from service.settings import Settings

pytestmark = pytest.mark.anyio


def row(number: float) -> bytes:
    return np.array([number, 0.0]).tobytes()


class Recorder:
    """Predicts a row's first number, and raises ValueError for a negative one."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def __call__(self, encoded: list[bytes]) -> Array:
        self.batch_sizes.append(len(encoded))
        rows = np.frombuffer(b"".join(encoded)).reshape(len(encoded), -1)
        if (rows < 0).any():
            raise ValueError("negative")
        return rows[:, :1]


def predict(batcher: MicroBatcher, number: float) -> asyncio.Future[Array]:
    future: asyncio.Future[Array] = asyncio.get_running_loop().create_future()
    batcher.submit(row(number), AwaitedSubmission(future))
    return future


async def test_rows_of_one_iteration_are_predicted_in_one_call() -> None:
    recorder = Recorder()
    batcher = MicroBatcher(recorder)
    found = await asyncio.gather(*(predict(batcher, number) for number in range(10)))
    assert [each.tolist() for each in found] == [[[float(number)]] for number in range(10)]
    assert recorder.batch_sizes == [10]
    assert (await predict(batcher, 7)).tolist() == [[7.0]]
    assert recorder.batch_sizes == [10, 1]


async def test_an_invalid_row_does_not_reject_other_rows() -> None:
    batcher = MicroBatcher(Recorder())
    futures = [predict(batcher, number) for number in (1, -1, 2)]
    found = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(found[1], ValueError)
    assert [found[0], found[2]] == [[[1.0]], [[2.0]]]


@pytest.mark.parametrize("other", [2, -1])
async def test_a_cancelled_row_is_skipped(other: float) -> None:
    batcher = MicroBatcher(Recorder())
    cancelled, kept, third = (predict(batcher, number) for number in (1, 3, other))
    cancelled.cancel()
    assert (await kept).tolist() == [[3.0]]
    await asyncio.wait([third])
    assert (third.exception() is None) == (other > 0)


class Broken:
    """A submission that cannot receive its predictions."""

    def succeed(self, predictions: Array) -> None:
        raise RuntimeError(predictions)

    def fail(self, error: Exception) -> None:
        raise error


async def test_a_submission_that_fails_does_not_affect_others() -> None:
    batcher, before = MicroBatcher(Recorder()), failures("prediction")
    batcher.submit(row(1), Broken())
    assert (await predict(batcher, 2)).tolist() == [[2.0]]
    assert failures("prediction") == before + 1


async def test_a_prediction_does_not_depend_on_other_rows_of_the_batch(
    wisconsin: Predictor,
) -> None:
    app = create_app(Settings(), wisconsin)
    rows = np.random.default_rng(0).integers(1, 11, (40, 9)).tolist()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

        async def predict(values: list[int]) -> float:
            answer = await client.post("/predict", json={"instances": [values]})
            return float(answer.json()["predictions"][0]["probability"])

        batched = await asyncio.gather(*map(predict, rows))
        alone = [await predict(values) for values in rows]
    assert batched == pytest.approx(alone, rel=1e-12)  # bit-identical where it was developed
    expected = wisconsin.predict(np.array(rows, dtype=float))[:, 0]
    assert batched == pytest.approx(expected.tolist(), rel=1e-12)


async def test_an_overflow_rejects_only_its_request(predictor: Predictor) -> None:
    table = predictor.row_tables
    assert table is not None
    large = table.encode([10, 1, 1, 1, 2, 1, 3, 1, 1])

    def broken(_: Predictor, rows: list[bytes]) -> Array:
        return np.array([[np.inf if row == large else 0.25] for row in rows])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "predict_encoded", broken)
        transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            rows = [[first, 1, 1, 1, 2, 1, 3, 1, 1] for first in (1, 10, 2)]
            bodies = [{"instances": [values]} for values in rows]
            answers = await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [200, 422, 200]
