"""Facts of rows beside their predictions: which of their features were imputed."""

from itertools import compress
from typing import Final

import numpy as np

from model.arrays import Array
from model.prediction.schema import Schema

IMPUTED: Final = "imputed"
SEPARATOR: Final = ";"  # of names of features in a cell of text
MAX_LISTED: Final = 100  # names of a cell: a table may lack thousands of columns in every row
ITEM_BYTES: Final = 24  # memory of the place of a name in a list, and of a separator

Features = dict[int, list[str]]  # names of features by row


class RowFacts:
    """Finds the facts of rows. Each fact is a list of features; most rows have none.

    Args:
        schema: The model's schema.

    Attributes:
        names: Names of the facts that rows of this model may have.
    """

    def __init__(self, schema: Schema) -> None:
        self._features = schema.names
        self._sizes = np.array([ITEM_BYTES + 4 * len(name) for name in schema.names])
        optional = any(feature.may_be_missing for feature in schema.features)
        self.names: tuple[str, ...] = (IMPUTED,) if optional else ()

    def find(self, rows: Array) -> dict[str, Features]:
        """Return the facts of rows, by name.

        Args:
            rows: Raw rows, `(B, F)` float64, NaN where missing.
        """
        if not self.names:
            return {}
        missing = np.isnan(rows)
        places = np.flatnonzero(missing.any(axis=1))
        return {
            IMPUTED: {
                row: list(compress(self._features, mask))
                for row, mask in zip(places.tolist(), missing[places].tolist(), strict=True)
            }
        }

    def summary(self, rows: Array) -> dict[str, list[str]]:
        """Return the features of all rows by fact, without facts that no row has.

        Args:
            rows: Raw rows, `(B, F)` float64, NaN where missing.
        """
        columns = np.flatnonzero(np.isnan(rows).any(axis=0))
        imputed = [self._features[column] for column in columns.tolist()]
        return {IMPUTED: imputed} if imputed else {}

    def memory_bytes(self, rows: Array) -> int:
        """Return an upper limit of the memory of the facts of rows, as lists or as text.

        Args:
            rows: Raw rows, `(B, F)` float64, NaN where missing.
        """
        return int(np.isnan(rows).sum(axis=0) @ self._sizes) if self.names else 0


def listed(names: list[str]) -> list[str]:
    """Return the names of features as a cell has them: the first 100, and how many more there are.

    Args:
        names: Names of features.
    """
    more = len(names) - MAX_LISTED
    return [*names[:MAX_LISTED], f"and {more} more"] if more > 0 else names


def cells(features: Features, rows: int) -> list[str]:
    """Return a fact as a column of text.

    Args:
        features: Names of features by row.
        rows: Number of rows.
    """
    texts = [""] * rows
    for row, names in features.items():
        texts[row] = SEPARATOR.join(listed(names))
    return texts
