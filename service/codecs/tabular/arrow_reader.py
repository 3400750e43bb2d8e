"""Reader of application/vnd.apache.arrow.stream: record batches with a column for each feature.

The extra `arrow` installs pyarrow.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from model.prediction.predictor import piece_rows
from model.prediction.schema import Feature
from service.codecs.blocks import Block, TableRules
from service.codecs.charge import Charge, uncharged
from service.codecs.tabular.arrow_columns import ArrowColumn, is_accepted, takes_bytes
from service.codecs.tabular.arrow_extra import ArrowColumns, plain_column, plain_type
from service.codecs.tabular.arrow_framing import (
    DICTIONARY,
    SCHEMA,
    Message,
    MessageReader,
    malformed,
)
from service.codecs.tabular.columns import read_header
from service.codecs.tabular.line_buffer import NUMBER_BYTES, ROW_BYTES
from service.problems import FieldError, Problem, safe_name

EXTRA_RULE = "must be a column of numbers, booleans, texts or times to be in the answer"

# Exceptions that pyarrow raises for malformed data.
BROKEN = (pa.ArrowException, OSError, ValueError)


class ArrowReader:
    """Makes blocks of an Arrow IPC stream; null and NaN are missing values.

    Args:
        rules: The model's rules.
        max_bytes: Maximum size of a record batch, and of all dictionaries together, in bytes.

    Raises:
        Problem: 400 for a malformed stream, 413 for a batch of more than `max_bytes`, 422 for
            columns that do not fit the schema. Raised by `feed` and `finish`.
    """

    def __init__(self, rules: TableRules, max_bytes: int) -> None:
        self._schema, self._rules, self._max_bytes = rules.schema, rules, max_bytes
        self._messages = MessageReader(max_bytes)
        self._file = io.BytesIO()  # the dictionaries and the batch that are read next
        self._batches: Any = None
        self._columns: dict[str, ArrowColumn] = {}
        self._places: dict[str, int] = {}  # of the columns in a batch
        self._extra: dict[str, int] = {}  # those of extra columns

    @property
    def held_bytes(self) -> int:
        """Memory of an incomplete message, and of dictionaries with their numbers."""
        columns = sum(column.held_bytes for column in self._columns.values())
        return self._messages.held_bytes + columns

    @property
    def missing_bytes(self) -> int:
        """Bytes that are missing at least until the next message is complete."""
        return self._messages.missing_bytes

    def feed(self, piece: bytes, charge: Charge = uncharged) -> Iterator[Block]:
        """Yield the rows of the batches that are complete.

        Args:
            piece: The next bytes of the body.
            charge: Called with the memory that parsing takes.
        """
        for message in self._messages.feed(piece, charge):
            yield from self._read(message, charge)

    def finish(self) -> Iterator[Block]:
        """Check that the stream is complete; it has no rows outside of batches."""
        self._messages.finish()
        yield from ()

    def _read(self, message: Message, charge: Charge) -> Iterator[Block]:
        self._file.write(message.data)
        if message.kind == DICTIONARY:
            return
        self._file.seek(0)
        try:
            if message.kind == SCHEMA:
                options = pa.ipc.IpcReadOptions(use_threads=False)
                self._batches = pa.ipc.open_stream(self._file, options=options)
                self._columns = self._checked(self._batches.schema)
                rows = _no_rows(self._batches.schema)
            else:
                rows = self._batches.read_next_batch()
                rows.validate(full=True)
        except MemoryError:  # pyarrow's is an ArrowException too
            raise
        except BROKEN:
            raise malformed() from None
        self._file.seek(0)
        self._file.truncate()
        features = len(self._schema.features)
        length = piece_rows(features)
        charge(min(length, rows.num_rows) * (ROW_BYTES + NUMBER_BYTES * features))
        # The schema is a block without rows, so that an empty table has its extra columns.
        for start in range(0, rows.num_rows or 1, length):
            yield self._block(rows.slice(start, length), charge)

    def _checked(self, schema: Any) -> dict[str, ArrowColumn]:
        names = read_header(schema.names, self._rules)
        places = {name: place for place, name in enumerate(names)}
        features = [each for each in self._schema.features if each.name in places]
        self._places = {each.name: places.pop(each.name) for each in features}
        self._extra = places
        kinds = {name: schema.field(place).type for name, place in self._places.items()}
        errors = [
            FieldError(field=each.name, rule=f"must be a column of {_column_type(each)}")
            for each in features
            if not is_accepted(kinds[each.name], each)
        ]
        errors += [
            FieldError(field=safe_name(name) or "header", rule=EXTRA_RULE)
            for name, place in self._extra.items()
            if plain_type(schema.field(place).type) is None
        ]
        if not errors and not any(map(takes_bytes, kinds.values())):
            rule = "must have a column that is not of type null"
            errors = [FieldError(field="body", rule=rule)]
        if errors:
            raise Problem.invalid(errors)
        missing = self._schema.missing_values
        return {each.name: ArrowColumn(each, self._max_bytes, missing) for each in features}

    def _block(self, batch: Any, charge: Charge) -> Block:
        values = np.full((batch.num_rows, len(self._schema.features)), np.nan)
        for place, feature in enumerate(self._schema.features):
            if feature.name in self._columns:
                column = self._columns[feature.name]
                values[:, place] = column.numbers(batch.column(self._places[feature.name]), charge)
        block = self._rules.check(values)
        if self._extra:
            columns = [
                plain_column(batch.column(place), self._max_bytes, charge)
                for place in self._extra.values()
            ]
            block.extra = ArrowColumns(tuple(self._extra), columns)
        return block


def _no_rows(schema: Any) -> Any:
    columns = [pa.array([], kind) for kind in schema.types]
    return pa.record_batch(columns, schema=schema)


def _column_type(feature: Feature) -> str:
    return {"category": "text", "boolean": "booleans"}.get(feature.type, "numbers")
