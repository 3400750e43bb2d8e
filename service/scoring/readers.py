"""Readers of the files of a dataset: Parquet, Arrow, CSV and NDJSON, block by block."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.prediction.predictor import piece_rows
from model.prediction.schema import Schema
from service.codecs.blocks import Block, TableReader, TableRules
from service.codecs.json.rows import RowDecoder
from service.codecs.tabular.csv_reader import CsvReader
from service.codecs.tabular.ndjson import NdjsonReader
from service.scoring.columns import KeptColumns
from service.scoring.row_groups import read_batches
from service.scoring.scorer import TableBatches, chosen_columns
from service.scoring.storage import Storage

Format = Literal["parquet", "arrow", "arrow stream", "csv", "tsv", "ndjson"]
Partition = tuple[tuple[str, str], ...]  # names and values of the folders' keys

CHUNK_BYTES: Final = 256 * 1024  # of text, parsed at once
BATCH_NUMBERS: Final = 512 * 1024  # of a batch of Parquet, at least of one chunk of rows


class DatasetReader:
    """Reads files of a dataset for one model.

    Args:
        schema: The model's schema.
        kept: The columns to keep.
        partition: Keys and values of the folders of a file, which may be features.
    """

    def __init__(self, schema: Schema, kept: KeptColumns, partition: Partition = ()) -> None:
        self._kept, self._rules = kept, TableRules(schema)
        self._constants = {}
        for key, text in partition:
            name = self._rules.columns.find(key)
            name = self._rules.aliases.get(name, name)
            if name in self._rules.names:
                place = self._rules.places[name]
                self._constants[place] = self._rules.parsers[place](text)
        features = [
            each for place, each in enumerate(schema.features) if place not in self._constants
        ]
        self.schema = schema.model_copy(update={"features": tuple(features)})
        self._rows = RowDecoder(self.schema) if features else None
        self._categories = {
            name
            for each in features
            if each.type == "category"
            for name in (each.name, each.source)
        }
        self._others = [self._rules.places[each.name] for each in features]

    @property
    def invalid_keys(self) -> list[str]:
        """Names and rules of features whose value in the path is not valid."""
        features = self._rules.schema.features
        row = np.full((1, len(features)), np.nan)
        for place, value in self._constants.items():
            row[0, place] = value
        found = self._rules.check(row, in_cells=True).errors.get(0, [])
        names = {features[place].name for place in self._constants}
        return [f"{each['field']} {each['rule']}" for each in found if each["field"] in names]

    def keys_among(self, names: Sequence[str]) -> list[str]:
        """Return the columns that are also features with a value in the path."""
        columns, aliases = self._rules.columns, self._rules.aliases
        known = ((name, columns.find(name)) for name in names)
        places = self._rules.places
        return [
            name
            for name, found in known
            if places.get(aliases.get(found, found)) in self._constants
        ]

    @property
    def has_columns(self) -> bool:
        """Whether at least one feature is a column of the file."""
        return bool(self._others)

    def text_reader(self, kind: Format) -> TableReader:
        """Return a new reader of a text file."""
        assert self._rows is not None
        if kind == "ndjson":
            return NdjsonReader(self._rows)
        return CsvReader(self._rows.rules, "\t" if kind == "tsv" else None)

    def arrow_table(self, schema: Any) -> TableBatches:
        """Check the columns of an Arrow or Parquet file, and return what reads its batches.

        Args:
            schema: Arrow schema of the file.

        Raises:
            Problem: The columns do not fit the model's schema (422).
        """
        assert self._rows is not None
        return TableBatches(self._rows.rules, self._kept, schema)

    def blocks(
        self, storage: Storage, name: str, kind: Format, groups: Sequence[int] | None = None
    ) -> Iterator[Block]:
        """Yield the rows of a file.

        Args:
            storage: The storage of the dataset.
            name: Name of the file.
            kind: Its format.
            groups: Numbers of the row groups of a Parquet file to read; None for all.

        Raises:
            Problem: The file does not fit the model's schema, or is malformed (4xx).
        """
        read = self._text if kind in ("csv", "tsv", "ndjson") else self._arrow
        found = self._parquet(storage, name, groups) if kind == "parquet" else None
        for block in found if found is not None else read(storage, name, kind):
            yield self._with_constants(block) if self._constants else block

    def _text(self, storage: Storage, name: str, kind: Format) -> Iterator[Block]:
        reader = self.text_reader(kind)
        with closing(storage.open_stream(name)) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield from reader.feed(chunk)
        yield from reader.finish()

    def _arrow(self, storage: Storage, name: str, kind: Format) -> Iterator[Block]:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with closing(storage.open(name, mapped=True)) as file:
            if kind == "arrow stream":
                stream = pa.ipc.open_stream(file, options=options)
                yield from self._batches(stream.schema, iter(stream))
            else:
                table = pa.ipc.open_file(file, options=options)
                batches = map(table.get_batch, range(table.num_record_batches))
                yield from self._batches(table.schema, batches)

    def _parquet(
        self, storage: Storage, name: str, groups: Sequence[int] | None
    ) -> Iterator[Block]:
        with closing(storage.open(name)) as file:
            metadata = pq.read_metadata(file)
            names = metadata.schema.to_arrow_schema().names
            rules = self._rules
            chosen = [names[each] for each in chosen_columns(rules, self._kept, names)]
            # Each text of a category is parsed once.
            texts = [each for each in chosen if rules.columns.find(each) in self._categories]
            batches = read_batches(
                file,
                metadata,
                range(metadata.num_row_groups) if groups is None else groups,
                chosen,
                rows=max(piece_rows(max(1, len(names))), BATCH_NUMBERS // max(1, len(names))),
                texts=texts,
                is_local=storage.is_local,
            )
            yield from self._batches(metadata.schema.to_arrow_schema(), batches, chosen)

    def _batches(
        self, schema: Any, batches: Iterator[Any], chosen: list[str] | None = None
    ) -> Iterator[Block]:
        if chosen is not None:
            schema = pa.schema([schema.field(each) for each in chosen])
        table = self.arrow_table(schema)
        yield table.begin
        for batch in batches:
            batch.validate(full=True)
            yield from table.blocks(batch)

    def _with_constants(self, block: Block) -> Block:
        """Return a block with the features that are keys of folders."""
        values = np.empty((len(block.values), len(self._rules.places)))
        values[:, self._others] = block.values
        for place, value in self._constants.items():
            values[:, place] = value
        found = self._rules.check(values, block.errors)
        found.extra = block.extra
        return found


def first_block(
    reader: DatasetReader, storage: Storage, name: str, kind: Format, size: int
) -> Block:
    """Return the first rows of a file that is not in Parquet, with its extra columns.

    Args:
        reader: The reader.
        storage: The storage of the dataset.
        name: Name of the file.
        kind: Its format.
        size: Bytes of text to read at least, unless a block is complete before.

    Raises:
        Problem: The file does not fit the model's schema, or is malformed (4xx).
    """
    if kind not in ("csv", "tsv", "ndjson"):
        return next(reader.blocks(storage, name, kind))
    text = reader.text_reader(kind)
    with closing(storage.open_stream(name)) as file:
        while chunk := file.read(size):
            for block in text.feed(chunk):
                return block
    return next(iter(text.finish()), Block(np.empty((0, len(reader.schema.features)))))
