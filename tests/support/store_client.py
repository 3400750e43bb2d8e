"""A client of a service with a store, within the lifespan of the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from model.prediction.predictor import Predictor
from service.app import Service, create_app
from service.settings import Settings

SUBJECT_KEY = "k" * 16
ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]


@asynccontextmanager
async def store_client(
    predictor: Predictor, store: str | None, keeps: str = "inputs", **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve within the context.

    Args:
        predictor: The model.
        store: URL of the store; None without one.
        keeps: Value of the setting `store_keeps`.
        **settings: Further settings.
    """
    given = {"store": store, "store_keeps": keeps, "store_subject_key": SUBJECT_KEY, **settings}
    app = create_app(Settings.model_validate(given), predictor)
    async with within_lifespan(app) as client:
        yield client


@asynccontextmanager
async def within_lifespan(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Start and stop an application as a server does, and yield a client."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client
