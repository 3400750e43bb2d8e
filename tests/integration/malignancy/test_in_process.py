"""The client uses an application in the same process, and has the answers of every task."""

import httpx
import pytest

from malignancy import AsyncClient, ClientError
from model.prediction.predictor import Predictor
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio
PROPERTIES = {"probability", "label", "probabilities", "labels", "value", "values"}


async def test_a_prediction_has_the_properties_of_its_task(kinds: Predictor) -> None:
    transport = httpx.ASGITransport(app=create_app(Settings(), kinds))
    async with AsyncClient("http://test", transport=transport) as client:
        model = await client.model()
        row = model.fields["inputs"]["typical"]
        one = await client.predict(row)
        many = await client.predict([row])
        [explained] = await client.explain(row, include=["shapley"])
    target = kinds.schema.target
    expected: dict[str, type] = {}
    if isinstance(target, Binary):
        expected = {"probability": float, "label": str}
        assert one.label in (target.negative, target.positive)
    elif isinstance(target, MultiClass):
        expected = {"label": str, "probabilities": dict}
        assert one.label in target.classes
        assert sum(one.probabilities.values()) == pytest.approx(1)
    elif isinstance(target, MultiLabel):
        expected = {"labels": list, "probabilities": dict}
        assert set(one.labels) <= set(one.probabilities) == set(target.labels)
    elif isinstance(target, Regression):
        name = "value" if len(target.outputs) == 1 else "values"
        expected = {name: float if name == "value" else dict}
    assert {name for name in PROPERTIES if hasattr(one, name)} == set(expected)
    for name, kind in expected.items():
        assert type(getattr(one, name)) is kind
        assert getattr(many[0], name) == getattr(one, name) == getattr(explained, name)
    assert one.id is None
    assert (many.threshold is None) == (model.threshold is None)
    assert set(explained.shapley) >= ({"outputs"} if len(target.names) > 1 else {"method"})


async def test_a_service_without_a_store_has_no_feedback(predictor: Predictor) -> None:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with AsyncClient("http://test", transport=transport) as client:
        with pytest.raises(ClientError, match="404 Not Found"):
            await client.feedback("019ad7a4-6e10-7c3a-9d42-5b8f0e6a1c27", True)
        with pytest.raises(ClientError, match="MALIGNANCY_STORE"):
            await client.live()
