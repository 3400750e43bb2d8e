"""Encoding of arrays without a schema: all columns are numbers."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from model.arrays import Array
from model.errors import DataError
from model.prediction.encoder import Encoder
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.training.tables.fit_encoder import fit_encoder

UNUSED_TARGET = Binary(negative="0", positive="1")  # a schema has one, an encoder needs none


@dataclass(frozen=True, eq=False)
class ColumnEncoder:
    """A recipe's encoder of the columns that differ between rows.

    Attributes:
        columns: Index of each encoded column.
        encoder: The encoder of these columns.
    """

    columns: Array
    encoder: Encoder

    @classmethod
    def fit(cls, rows: Array, method: str, **scaling: Any) -> Self:
        """Fit the encoder. Columns with less than two values are left out, as `init` does.

        If that is every column, or nothing is scaled, only columns without any value are left out.

        Args:
            rows: Raw rows `(B, F)`, NaN for a missing value.
            method: Method of the scaling; see the recipe's table `[scaling]`.
            **scaling: Further keys of that table.

        Raises:
            DataError: If there is no value.
        """
        present = ~np.isnan(rows)
        low = np.where(present, rows, np.inf).min(axis=0)
        high = np.where(present, rows, -np.inf).max(axis=0)
        columns = np.flatnonzero(low < high)
        if method == "none" or not len(columns):
            columns, method, scaling = np.flatnonzero(low <= high), "none", {}
        if not len(columns):
            raise DataError("X must hold a value that is not missing")
        features = tuple(Feature(name=f"column {column}") for column in columns)
        # Without the limit on the number of a service's features.
        schema = Schema.model_construct(features=features, target=UNUSED_TARGET)
        used, transforms = rows[:, columns].astype(np.float64), ("",) * len(columns)
        return cls(columns, fit_encoder(used, schema, method, transforms, **scaling))

    @property
    def inputs(self) -> int:
        """Number of the network's inputs."""
        return len(self.encoder.center)

    def encode(self, rows: Array) -> Array:
        """Return inputs `(B, I)`, float64, of raw rows `(B, F)`, NaN for a missing value.

        Raises:
            NetworkError: A value is too large to be scaled.
        """
        return self.encoder.encode(rows[:, self.columns])
