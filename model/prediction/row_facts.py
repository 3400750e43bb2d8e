"""Facts of rows beside their predictions: which of their values were imputed, clipped, unknown."""

from itertools import compress
from typing import Final

import numpy as np

from model.arrays import Array
from model.prediction.schema import Schema
from model.prediction.schema_rules import SchemaRules

IMPUTED: Final = "imputed"  # missing values
CLIPPED: Final = "clipped"  # numbers outside of the range
UNKNOWN: Final = "unknown"  # texts that are none of the categories
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
        features = schema.features
        self._features, self._rules = schema.names, SchemaRules(features)
        self._sizes = np.array([ITEM_BYTES + 4 * len(name) for name in schema.names])
        is_category = np.array([feature.type == "category" for feature in features])
        has = {
            IMPUTED: any(feature.may_be_missing for feature in features),
            CLIPPED: any(feature.out_of_range == "clip" for feature in features),
            UNKNOWN: any(feature.unseen == "other" for feature in features),
        }
        self.names: tuple[str, ...] = tuple(name for name in has if has[name])
        self._outside = {CLIPPED: ~is_category, UNKNOWN: is_category}

    def find(self, rows: Array) -> dict[str, Features]:
        """Return the facts of rows, by name.

        Args:
            rows: Raw rows, `(B, F)` float64, NaN where missing.
        """
        found = {}
        for name, mask in self._masks(rows).items():
            places = np.flatnonzero(mask.any(axis=1))
            found[name] = {
                row: list(compress(self._features, marked))
                for row, marked in zip(places.tolist(), mask[places].tolist(), strict=True)
            }
        return found

    def summary(self, rows: Array) -> dict[str, list[str]]:
        """Return the features of all rows by fact, without facts that no row has.

        Args:
            rows: Raw rows, `(B, F)` float64, NaN where missing.
        """
        found = {
            name: [self._features[column] for column in np.flatnonzero(mask.any(axis=0)).tolist()]
            for name, mask in self._masks(rows).items()
        }
        return {name: features for name, features in found.items() if features}

    def memory_bytes(self, rows: Array) -> int:
        """Return an upper limit of the memory of the facts of rows, as lists or as text.

        Args:
            rows: Raw rows, `(B, F)` float64, NaN where missing.
        """
        counts = (mask.sum(axis=0) for mask in self._masks(rows).values())
        return sum(int(count @ self._sizes) for count in counts)

    def _masks(self, rows: Array) -> dict[str, Array]:
        """Return the mask `(B, F)` of the values of each fact."""
        masks = {IMPUTED: np.isnan(rows)} if IMPUTED in self.names else {}
        others = [name for name in self.names if name in self._outside]
        if others:
            outside = self._rules.outside(rows)
            masks |= {name: outside & self._outside[name] for name in others}
        return masks


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
