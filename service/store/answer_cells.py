"""Rows of short answers as a flat list, so that keeping one makes no object that stays."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, Literal

import numpy as np

from model.arrays import Array
from model.prediction.row_tables import RowTables
from service.store.records import StoredVersion

BATCH_ROWS: Final = 4096  # of one transaction; fixed
NANOSECONDS_PER_HOUR: Final = 3_600_000_000_000
# Memory in bytes: of a value, and of the other cells of a row.
VALUE_BYTES: Final = 40
FACT_BYTES: Final = 300
_FACTS: Final = 6  # cells of a row beside its values


class AnswerSource:
    """What the short answers of one version at one threshold have in common.

    Args:
        version: The version that predicts.
        threshold: Decision threshold of the labels; NaN where the target has none.
        min_row_bytes: The least room in the queue that a row takes.
        answering: The source of the answers, for a shadow version; None otherwise.

    Attributes:
        version: The argument.
        threshold: The argument.
        kind: "shadow" for rows whose predictions were not the answer.
        tables: What decodes the values.
        shadow: The source of the shadow version's predictions; None without one.
        features: Number of features of a row.
        row_bytes: Room in the queue that a row takes.
        batch_cells: Number of cells that are written without further ones.
        open: Cells to which the queue appends; None without any.
    """

    __slots__ = (
        "batch_cells",
        "features",
        "kind",
        "open",
        "row_bytes",
        "shadow",
        "tables",
        "threshold",
        "version",
    )

    def __init__(
        self,
        version: StoredVersion,
        threshold: float,
        min_row_bytes: int = 0,
        answering: "AnswerSource | None" = None,
    ) -> None:
        self.version, self.threshold = version, threshold
        self.kind: Literal["answer", "shadow"] = "answer" if answering is None else "shadow"
        tables = version.predictor.row_tables if answering is None else answering.tables
        assert tables is not None  # they have encoded the rows
        self.tables: RowTables = tables
        self.shadow: AnswerSource | None = None
        if answering is None and version.shadow is not None:
            self.shadow = AnswerSource(version.shadow, threshold, min_row_bytes, self)
        schema = version.predictor.schema
        self.features = len(schema.features)
        size = FACT_BYTES + VALUE_BYTES * self.features + 8 * len(schema.target.names)
        self.row_bytes = max(size, min_row_bytes)
        self.batch_cells = BATCH_ROWS * (self.features + _FACTS)
        self.open: AnswerCells | None = None


class AnswerCells:
    """Rows of short answers of one source.

    An object for each answer would take longer to make and to free than its cells take to append:
    its memory is not in the processor's cache.

    Args:
        source: What the answers have in common.
        cells: The cells of all rows, one row after another: the values as parsed, then the
            predictions as bytes, float64, the name of the answer or None, the number of the row in
            its answer, the time in nanoseconds, the id of the API key or "", and the digest of the
            subject or None.

    Attributes:
        source: The argument.
        cells: The argument.
    """

    __slots__ = ("cells", "source")

    def __init__(self, source: AnswerSource, cells: list[Any] | None = None) -> None:
        self.source = source
        self.cells = [] if cells is None else cells

    @property
    def version(self) -> StoredVersion:
        """The version that predicted."""
        return self.source.version

    @property
    def kind(self) -> Literal["answer", "shadow"]:
        """Kind of the rows: see `AnswerSource`."""
        return self.source.kind

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.cells) // self._width

    @property
    def size(self) -> int:
        """Room in the queue, in bytes."""
        return self.count * self.source.row_bytes

    @property
    def values(self) -> Array:
        """Raw values, `(N, F)`."""
        cells = self.cells.copy()
        for _ in range(_FACTS):  # the last column of those that remain
            width = len(cells) // self.count
            del cells[width - 1 :: width]
        return self.source.tables.raw_values(cells)

    @property
    def predictions(self) -> Array:
        """Predictions, `(N, outputs)`."""
        flat = np.frombuffer(b"".join(self._column(0)), np.float64)
        return flat.reshape(self.count, -1)

    @property
    def ids(self) -> list[str | None]:
        """Names of the rows' answers; None where the store keeps no predictions."""
        return self._column(1)

    @property
    def numbers(self) -> list[int]:
        """Numbers of the rows in their answers, from 0."""
        return self._column(2)

    @property
    def times(self) -> list[int]:
        """Times of the answers, Unix time in nanoseconds."""
        return self._column(3)

    @property
    def key_ids(self) -> list[str]:
        """Ids of the API keys; "" without one."""
        return self._column(4)

    @property
    def subjects(self) -> list[bytes | None]:
        """Digests of the subjects; None without one."""
        return self._column(5)

    def by_hour(self) -> "Iterable[tuple[int, AnswerCells]]":
        """Return the rows of each hour since 1970."""
        hours = np.array(self.times) // NANOSECONDS_PER_HOUR
        first = int(hours[0])
        if (hours == first).all():  # as almost always
            return [(first, self)]
        found = np.unique(hours).tolist()
        return [(hour, self.select(np.flatnonzero(hours == hour).tolist())) for hour in found]

    def select(self, rows: Sequence[int]) -> "AnswerCells":
        """Return some of the rows.

        Args:
            rows: Their places, from 0.
        """
        width = self._width
        parts = (self.cells[row * width : (row + 1) * width] for row in rows)
        return AnswerCells(self.source, [*chain.from_iterable(parts)])

    def part(self, start: int, stop: int) -> "AnswerCells":
        """Return consecutive rows.

        Args:
            start: Number of the first row.
            stop: Number of the row after the last one.
        """
        width = self._width
        return AnswerCells(self.source, self.cells[start * width : stop * width])

    def as_shadow(self, predictions: Array) -> "AnswerCells":
        """Return the rows as those of the shadow version of their version.

        Args:
            predictions: Its predictions, `(N, outputs)`.
        """
        assert self.source.shadow is not None
        cells = self.cells.copy()
        cells[self.source.features :: self._width] = [row.tobytes() for row in predictions]
        return AnswerCells(self.source.shadow, cells)

    @property
    def _width(self) -> int:
        return self.source.features + _FACTS

    def _column(self, number: int) -> list[Any]:
        return self.cells[self.source.features + number :: self._width]
