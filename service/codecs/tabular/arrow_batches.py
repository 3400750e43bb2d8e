"""Blocks of Arrow record batches, of a stream or a file."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from model.prediction.predictor import piece_rows
from model.prediction.schema import Feature
from service.codecs.blocks import Block, TableRules
from service.codecs.charge import Charge
from service.codecs.tabular.arrow_columns import ArrowColumn, is_accepted, takes_bytes
from service.codecs.tabular.arrow_extra import ArrowColumns, plain_column, plain_type
from service.codecs.tabular.columns import read_header
from service.codecs.tabular.line_buffer import NUMBER_BYTES, ROW_BYTES
from service.problems import FieldError, Problem, safe_name

EXTRA_RULE = "must be a column of numbers, booleans, texts or times to be in the answer"

# Exceptions that pyarrow raises for malformed data.
BROKEN = (pa.ArrowException, OSError, ValueError)


class ArrowBatches:
    """Makes blocks of the record batches of one table; null and NaN are missing values.

    Args:
        rules: The model's rules.
        max_bytes: Maximum size of the texts of a column, in bytes.
    """

    def __init__(self, rules: TableRules, max_bytes: int) -> None:
        self._schema, self._rules, self._max_bytes = rules.schema, rules, max_bytes
        self._columns: dict[str, ArrowColumn] = {}
        self._places: dict[str, int] = {}  # of the columns in a batch
        self._extra: dict[str, int] = {}  # those of extra columns

    @property
    def held_bytes(self) -> int:
        """Memory of dictionaries with their numbers, and of cached cells."""
        return sum(column.held_bytes for column in self._columns.values())

    def begin(self, schema: Any) -> Block:
        """Check the columns of the table.

        Args:
            schema: Arrow schema of the table.

        Returns:
            A block without rows, so that an empty table has its extra columns.

        Raises:
            Problem: The columns do not fit the model's schema (422).
        """
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
        self._columns = {
            each.name: ArrowColumn(each, self._max_bytes, missing) for each in features
        }
        block = Block(np.empty((0, len(self._schema.features))))
        if self._extra:
            plain = [plain_type(schema.field(place).type) for place in self._extra.values()]
            block.extra = ArrowColumns(tuple(self._extra), [pa.array([], kind) for kind in plain])
        return block

    def blocks(self, batch: Any, charge: Charge) -> Iterator[Block]:
        """Yield the rows of a batch.

        Args:
            batch: A valid record batch.
            charge: Called with the memory that converting takes.
        """
        features = len(self._schema.features)
        length = piece_rows(features)
        charge(min(length, batch.num_rows) * (ROW_BYTES + NUMBER_BYTES * features))
        for start in range(0, batch.num_rows, length):
            yield self._block(batch.slice(start, length), charge)

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


def _column_type(feature: Feature) -> str:
    return {"category": "text", "boolean": "booleans"}.get(feature.type, "numbers")
