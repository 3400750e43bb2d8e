"""Live figures of the models in service, read from the store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from model.drift.reference import DriftReference
from model.prediction.target import Regression
from service.live.answer import live_answer
from service.live.buckets import read_totals
from service.live.errors import regression_errors
from service.live.query import LiveQuery
from service.live.totals import Totals
from service.problems import service_unavailable
from service.registry.registry import ModelRegistry
from service.store.databases.database import Database, StoreError
from service.store.store import Store


class LiveReader:
    """Computes live figures, in the thread of the caller.

    Args:
        store: The store.
        models: The models in service.
    """

    def __init__(self, store: Store, models: ModelRegistry) -> None:
        self._store, self._models = store, models

    def answer(self, name: str, query: LiveQuery) -> dict[str, Any]:
        """Return the answer of GET /models/{name}/live.

        Args:
            name: Name of a model in service.
            query: The window.

        Raises:
            Problem: The store cannot be read now (503).
        """
        predictor = self._models.find(name).predictor
        target, errors = predictor.schema.target, None
        try:
            with self._database() as database:
                totals = read_totals(database, name, query)
                if isinstance(target, Regression):
                    errors = regression_errors(database, name, target, query, totals)
        except StoreError as error:
            raise service_unavailable("The store of predictions cannot be read now.") from error
        return live_answer(predictor, query, totals, self.references(name), self._status(), errors)

    def totals(self, name: str, query: LiveQuery) -> Totals:
        """Return the sums over a window.

        Args:
            name: Name of a model.
            query: The window.

        Raises:
            StoreError: The store cannot be read now.
        """
        with self._database() as database:
            return read_totals(database, name, query)

    def references(self, name: str) -> dict[str, DriftReference]:
        """Return the references of drift of the loaded versions of a model, by version."""
        versions = self._models.by_name[name].versions
        found = {each.predictor.version: each.drift_reference for each in versions}
        return {version: each for version, each in found.items() if each is not None}

    def _status(self) -> dict[str, Any]:
        status = self._store.status
        return {
            "keeps": self._store.keeps,
            "lag_seconds": status.lag_seconds,
            "dropped": status.dropped,
        }

    @contextmanager
    def _database(self) -> Iterator[Database]:
        """Open a connection that only reads; the tables exist, if need be they are created."""
        try:
            database = self._store.open()
            is_ready = "counts" in database.tables()
        except StoreError:  # SQLite's file may not exist yet
            is_ready, database = False, None
        if not is_ready:
            if database is not None:
                database.close()
            self._store.open(read_only=False).close()
            database = self._store.open()
        assert database is not None
        with closing(database):
            yield database
