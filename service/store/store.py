"""The store of one process: a queue, its writer, and connections for readers."""

import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Final

from model.drift.reference import drift_reference
from model.prediction.predictor import Predictor
from service.settings import SettingError, Settings
from service.store.batches import Keeps
from service.store.counting import ModelBins
from service.store.databases.database import Database
from service.store.databases.migrations import migrate
from service.store.databases.opening import NO_POSTGRES, SQLITE_PREFIX, open_database
from service.store.groups import Record
from service.store.identifiers import subject_digest
from service.store.recording import VersionRecorder
from service.store.records import StoredVersion
from service.store.retention import Retention
from service.store.row_queue import RowQueue
from service.store.writer import StoreStatus, StoreWriter

MICROSECONDS: Final = 1_000_000


class Store:
    """Keeps predicted rows as the settings state. `start` and `stop` it once.

    Args:
        settings: Settings with a `store`.

    Raises:
        SettingError: The store is in PostgreSQL, and the extra `postgres` is missing.

    Attributes:
        keeps: Value of the setting `store_keeps`.
        retention: Days for which rows are kept.
        put: Appends the rows of an answer without blocking; False if they are dropped.
        put_block: Appends a block of a large body, from a scoring thread; False if it is only
            counted.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.store is not None
        is_sqlite = settings.store.get_secret_value().startswith(SQLITE_PREFIX)
        if not is_sqlite and find_spec("psycopg") is None:
            raise SettingError("store", NO_POSTGRES)
        self._url, self._subject_key = settings.store, settings.store_subject_key
        self.keeps: Keeps = settings.store_keeps
        self.retention = retention_of(settings)
        self._queue = RowQueue()
        self.put, self.put_block = self._queue.put, self._queue.put_block
        self._writer = StoreWriter(self._open_to_write, self._queue, self.keeps, self.retention)
        self.start, self.stop, self.flush = (
            self._writer.start,
            self._writer.stop,
            self._writer.flush,
        )

    @property
    def status(self) -> StoreStatus:
        """The state of the store as this process sees it."""
        return self._writer.status

    def recorder(
        self, predictor: Predictor, shadow: StoredVersion | None = None
    ) -> VersionRecorder:
        """Return what records the answers of one version.

        Args:
            predictor: The model.
            shadow: The shadow version; None without one.
        """
        version = stored_version(predictor, shadow)
        return VersionRecorder(self._queue, version, has_ids=self.keeps != "counts")

    def on_written(self, function: Callable[[Iterable[Record]], None]) -> None:
        """Call a function with the records of each batch that is written, in the writer's thread.

        Args:
            function: It must be quick, since other rows wait meanwhile.
        """
        self._writer.on_written = function

    def put_shadow(self, rows: Record) -> bool:
        """Append the rows of a shadow version; False if they are dropped.

        Half of the queue is only for answers.
        """
        return not self._queue.is_half_full and self.put(rows)

    def subject(self, name: str) -> bytes | None:
        """Return the digest of a subject; None if the setting `store_subject_key` is not set."""
        key = self._subject_key
        return None if key is None else subject_digest(key.get_secret_value(), name)

    def open(self, *, read_only: bool = True) -> Database:
        """Open a connection for one thread, which must close it.

        Args:
            read_only: False for feedback and erasures.

        Raises:
            StoreError: The database cannot be opened.
        """
        if not read_only:
            return self._open_to_write()
        return open_database(self._url.get_secret_value(), read_only=True)

    def _open_to_write(self) -> Database:
        database = open_database(self._url.get_secret_value())
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return database


def stored_version(predictor: Predictor, shadow: StoredVersion | None = None) -> StoredVersion:
    """Return a version for the store, with the bins of its artifact.

    Args:
        predictor: The model.
        shadow: The shadow version; None without one.
    """
    return StoredVersion(predictor, _bins_of(predictor), shadow)


def _bins_of(predictor: Predictor) -> ModelBins | None:
    """Return the bins that a model's artifact has; None for an older one."""
    reference = drift_reference(predictor)
    if reference is None:
        return None
    outputs = () if predictor.has_probabilities else reference.outputs
    return ModelBins(reference.features, outputs)


def retention_of(settings: Settings) -> Retention:
    """Return the retention that the settings state."""
    return Retention(
        settings.store_counts_days, settings.store_predictions_days, settings.store_inputs_days
    )


def now_microseconds() -> int:
    """Return the Unix time in microseconds."""
    return time.time_ns() * MICROSECONDS // 1_000_000_000
