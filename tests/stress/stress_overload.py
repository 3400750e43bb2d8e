"""Long form of test_cancelled.py: 100 000 cancelled requests."""

from collections.abc import Callable

import pytest
from integration.service.test_cancelled import KINDS, check_nothing_is_left

from model.prediction.predictor import Predictor

pytestmark = pytest.mark.anyio

SLOW = ("while it is computed", "while it is answered")  # some milliseconds each


@pytest.mark.timeout(3600)
async def test_a_hundred_thousand_cancelled_requests(
    predictor: Predictor, figures: Callable[[str], None]
) -> None:
    counts = {kind: 5_000 if kind in SLOW else 30_000 for kind in KINDS}
    assert sum(counts.values()) == 100_000
    await check_nothing_is_left(
        predictor, counts, reset_only=True
    )  # a reset frees its port at once
    figures(f"{sum(counts.values())} cancelled requests, nothing left of them")
