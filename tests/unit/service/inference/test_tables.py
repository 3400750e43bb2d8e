"""Formats of tables that are available with and without the extra arrow."""

import asyncio
import sys
from collections.abc import Iterator

import httpx
import pytest

from service.codecs.negotiation import ARROW, CSV

pytestmark = pytest.mark.anyio


@pytest.fixture
def without_arrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if pyarrow were not installed, with threads that take turns all the time."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for module in ("arrow_reader", "arrow_writer"):
        monkeypatch.delitem(sys.modules, f"service.codecs.tabular.{module}", raising=False)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("without_arrow")
@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": ARROW}, 415), ({"Content-Type": CSV, "Accept": ARROW}, 406)],
)
async def test_what_is_not_installed_is_refused_to_all_who_ask_at_once(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    for _ in range(20):
        requests = (client.post("/predict", content=b"", headers=headers) for _ in range(20))
        answers = await asyncio.gather(*requests)
        assert {answer.status_code for answer in answers} == {status}
        assert "pip install 'malignancy[arrow]'" in answers[0].json()["detail"]
