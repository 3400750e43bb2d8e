"""Clients of a service process that keeps predictions and needs keys."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from malignancy import AsyncClient, Client

API_KEY = "lab.secret"
SCOPES = "predict+metrics+feedback"


@pytest.fixture(scope="module")
def url(
    wisconsin_path: Path,
    start_service: Callable[..., AbstractContextManager[tuple[int, int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("store")
    settings = {
        "store": f"sqlite:///{folder / 'store.db'}",
        "store_keeps": "inputs",
        "store_subject_key": "k" * 16,
        "api_keys": f"lab:{SCOPES}:{hashlib.sha256(b'secret').hexdigest()}",
    }
    with start_service(wisconsin_path, **settings) as (port, _):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url, api_key=API_KEY, timeout=60) as client:
        yield client


@pytest.fixture
async def async_client(url: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(url, api_key=API_KEY, timeout=60) as client:
        yield client
