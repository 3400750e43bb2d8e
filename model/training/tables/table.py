"""Rows of a recipe's table: features, targets, groups and weights, read from its columns."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from model.arrays import Array
from model.prediction.cells import MARKERS
from model.prediction.schema import Feature, Schema
from model.training.recipes.sections import Data
from model.training.tables.columns import (
    read_rows,
    read_text,
    with_gaps,
    with_labels,
    with_nfc_names,
)
from model.training.tables.targets import as_features

OPTIONAL = ("groups", "weights", "split_values", "subgroups", "lines")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a recipe's table, in the file's order.

    Attributes:
        rows: Raw features, shape (B, F), float64, NaN for a missing value.
        targets: Shape (B, columns): bool for binary and multi_label, class numbers (int64) for
            multi_class, float64 for regression.
        groups: Text of data.group, shape (B,); a row without one is a separate group. None
            without groups.
        weights: Row weights, shape (B,); None without weights.
        split_values: Text of split.column, shape (B,); None without that column.
        subgroups: Texts of data.subgroups, shape (B, columns); None without such columns.
        lines: Line of the file on which each row begins, shape (B,); None if unknown.
        dropped: Number of rows left out because a value is missing or data.labels says so.
    """

    rows: Array
    targets: Array
    groups: Array | None
    weights: Array | None
    split_values: Array | None
    dropped: int
    subgroups: Array | None = None
    lines: Array | None = None

    @property
    def incomplete(self) -> Array:
        """Mask of the rows with a missing value, shape (B,), bool."""
        return np.asarray(np.isnan(self.rows).any(axis=1))

    def group_numbers(self) -> Array:
        """Return group numbers in order of appearance, shape (B,), int64.

        Without groups, each row has its own number.
        """
        if self.groups is None:
            return np.arange(len(self.rows))
        return pd.factorize(self.groups)[0].astype(np.int64)

    def take(self, index: Array) -> "Table":
        """Return the rows of an index array or of a mask."""
        optional = {name: getattr(self, name) for name in OPTIONAL}
        taken = {name: None if each is None else each[index] for name, each in optional.items()}
        return Table(self.rows[index], self.targets[index], **taken, dropped=0)


def concatenate(tables: Iterable[Table]) -> Table:
    """Concatenate tables of the same recipe."""
    given = list(tables)

    def concatenate_optional(columns: list[Array | None]) -> Array | None:
        present = [column for column in columns if column is not None]
        return np.concatenate(present) if present else None

    return Table(
        np.concatenate([table.rows for table in given]),
        np.concatenate([table.targets for table in given]),
        **{
            name: concatenate_optional([getattr(each, name) for each in given]) for name in OPTIONAL
        },
        dropped=sum(table.dropped for table in given),
    )


def parse_table(frame: pd.DataFrame, data: Data, schema: Schema, split_column: str | None) -> Table:
    """Read the columns of a recipe from a table, or from a chunk of it.

    Args:
        frame: The table, as `read_chunks` returns it.
        data: The columns that are not features, and the treatment of missing values.
        schema: The features and the target.
        split_column: The column of `Table.split_values`, or None.

    Raises:
        DataError: If a column is missing, or a cell is invalid; the text names the line and the
            column.
    """
    features, targets = schema.features, as_features(schema.target, data.targets)
    weight = []
    if data.weight is not None:
        weight = [Feature.model_construct(name=data.weight, type="number", minimum=0)]
    missing = tuple(data.missing_values)
    others = [*data.targets, data.group, data.weight, split_column, *data.subgroups]
    filled = with_gaps(
        with_nfc_names(frame), [name for name in others if name], missing, data.decimal
    )
    kept = with_labels(filled, data.targets[0], data.labels, data.decimal)
    lines = kept.index.to_numpy()
    groups = _own_if_missing(read_text(kept, data.group), lines)
    split_values = read_text(kept, split_column)
    subgroups = [text for name in data.subgroups if (text := read_text(kept, name)) is not None]
    columns = [*features, *targets, *weight]
    values = read_rows(kept, columns, missing, gaps=len(features), decimal=data.decimal)
    first, end = len(features), len(features) + len(targets)
    table = Table(
        values[:, :first],
        values[:, first:end].astype(schema.target.dtype),
        groups,
        values[:, end] if weight else None,
        split_values,
        dropped=len(frame) - len(kept),
        subgroups=np.stack(subgroups, axis=1) if data.subgroups else None,
        lines=lines,
    )
    if data.missing != "drop":
        return table
    complete = table.take(~table.incomplete)
    return replace(complete, dropped=len(frame) - len(complete.rows))


def _own_if_missing(groups: Array | None, lines: Array) -> Array | None:
    """Return groups with a name for each row without one: its owner is unknown, not the same."""
    if groups is None or not (missing := np.isin(groups, ("", *MARKERS))).any():
        return groups
    names = [f"\0line {line}" for line in lines]  # no cell begins with NUL
    return np.where(missing, names, groups)
