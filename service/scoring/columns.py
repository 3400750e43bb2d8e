"""Columns that a scored table keeps: those that are no features by default, or chosen ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from model.prediction.schema import Feature, Schema
from service.codecs.blocks import Block
from service.codecs.extra import Extra, RowObjects, TextColumns
from service.codecs.tabular.arrow_extra import ArrowColumns

_TYPES = {
    "integer": pa.int64,
    "number": pa.float64,
    "category": pa.string,
    "boolean": pa.bool_,
}
MAX_EXACT = 2.0**53  # beyond it, not each integer is a number


class KeptColumns:
    """Chooses the columns of a table that its part has beside the predictions.

    A kept feature has the values that the model reads, with the feature's name and type: null where
    a value is missing or cannot be read.

    Args:
        schema: The model's schema.
        keep: Names of columns and features; None for all columns that are no features.

    Attributes:
        features: Names of the kept features.
        kinds: Their Arrow types.
        others: Names of the chosen columns that are no features; empty if all of them are kept.
    """

    def __init__(self, schema: Schema, keep: Sequence[str] | None) -> None:
        self._chosen = None if keep is None else set(keep)
        chosen = self._chosen or set()
        self._features = [
            (place, each)
            for place, each in enumerate(schema.features)
            if each.name in chosen or each.source in chosen
        ]
        self.features = tuple(each.name for _, each in self._features)
        self.kinds = tuple(_TYPES[each.type]() for _, each in self._features)
        known = {*schema.names, *schema.sources}
        self.others = tuple(name for name in keep or () if name not in known)

    def keeps(self, name: str) -> bool:
        """Return whether a column that is no feature is kept."""
        return self._chosen is None or name in self._chosen

    def select(self, extra: Extra | None) -> Extra | None:
        """Return the columns that are kept.

        Args:
            extra: Columns of a block that are no features.
        """
        if extra is None or self._chosen is None:
            return extra
        if isinstance(extra, RowObjects):
            if not self.others:
                return None
            rows = [{name: row.get(name) for name in self.others} for row in extra.rows]
            return RowObjects(rows, extra.memory_bytes)
        places = [place for place, name in enumerate(extra.names) if self.keeps(name)]
        names = tuple(extra.names[place] for place in places)
        if not names:
            return None
        if isinstance(extra, TextColumns):
            return TextColumns.of(names, [extra.columns[place] for place in places])
        assert isinstance(extra, ArrowColumns)
        return ArrowColumns(names, [extra.columns[place] for place in places])

    def add_as_arrow(self, block: Block, names: Sequence[str], kinds: Sequence[Any]) -> Extra:
        """Return the extra columns of a block, and its kept features, as Arrow columns.

        Args:
            block: The rows.
            names: Names of the extra columns.
            kinds: Their types.
        """
        columns: list[Any]
        if block.extra is None:
            columns = [pa.nulls(len(block.values), kind) for kind in kinds]
        elif isinstance(block.extra, ArrowColumns):
            columns = list(block.extra.columns)
        else:
            texts = block.extra.texts(names)
            columns = [pa.array([cell or None for cell in each], pa.string()) for each in texts]
        columns += [_column(each, block.values[:, place]) for place, each in self._features]
        return ArrowColumns((*names, *self.features), columns)

    def add_as_text(self, block: Block, names: Sequence[str]) -> TextColumns:
        """Return the extra columns of a block, and its kept features, as text.

        Args:
            block: The rows.
            names: Names of the extra columns.
        """
        features = self.add_as_arrow(Block(block.values), (), ()).texts(self.features)
        texts = [[""] * len(block.values) for _ in names]
        if block.extra is not None:
            texts = block.extra.texts(names)
        return TextColumns.of((*names, *self.features), [*texts, *features])


def _column(feature: Feature, values: Any) -> Any:
    """Return the values of a feature `(B,)` as a column, null where there is no value."""
    absent = ~np.isfinite(values)
    kind = _TYPES[feature.type]()
    if feature.type == "number":
        return pa.array(values, kind, mask=absent)
    if feature.type == "category":
        levels = feature.category_levels
        absent |= ~((values >= 0) & (values < len(levels)))
        places = np.where(absent, 0, values).astype(np.int32)
        return pa.DictionaryArray.from_arrays(
            pa.array(places, mask=absent), pa.array(levels, pa.string())
        ).dictionary_decode()
    if feature.type == "boolean":
        absent |= (values != 0) & (values != 1)
        return pa.array(np.where(absent, 0, values).astype(bool), kind, mask=absent)
    absent |= (values != np.floor(values)) | (np.abs(values) > MAX_EXACT)
    return pa.array(np.where(absent, 0, values).astype(np.int64), kind, mask=absent)
