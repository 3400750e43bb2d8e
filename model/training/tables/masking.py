"""Masks of categories: some cells of the training rows become unknown, to learn that level.

A level that no row has would keep its random weights. Masked cells teach the network what a row is
like whose category is not known. An unknown category is more like a rare one than like a frequent
one, so each category loses at least one row on average, and each rare one up to half of its rows.
"""

import zlib
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from model.arrays import Array
from model.prediction.schema import Schema

SHARE: Final = 0.05  # of the cells of a frequent category
MAX_SHARE: Final = 0.5


@dataclass(frozen=True)
class CategoryMask:
    """Makes categories of training rows unknown, the same ones in each training.

    Attributes:
        shares: The share of cells to mask, `(levels,)`, by the number of a feature.
        seed: Seed of the training.
    """

    shares: dict[int, Array]
    seed: int

    @classmethod
    def fit(cls, rows: Array, schema: Schema, seed: int) -> Self:
        """Return the mask for rows.

        Args:
            rows: Raw training rows, `(B, F)`, NaN for a missing value.
            schema: The features.
            seed: Seed of the training.
        """
        shares = {}
        for place, feature in enumerate(schema.features):
            if feature.unseen == "other":
                codes = rows[:, place]
                counts = np.bincount(
                    codes[~np.isnan(codes)].astype(int), minlength=len(feature.category_levels)
                )
                shares[place] = np.clip(1 / np.maximum(counts, 1), SHARE, MAX_SHARE)
        return cls(shares, seed)

    def __call__(self, rows: Array) -> Array:
        """Return raw rows with masked categories; missing values stay missing.

        Args:
            rows: Raw rows, `(B, F)`. The masks depend on all of them, and on nothing before.
        """
        if not self.shares:
            return rows
        content = zlib.crc32(np.ascontiguousarray(rows).data)
        generator, masked = np.random.default_rng([self.seed, content]), rows.copy()
        for place, shares in self.shares.items():
            codes = rows[:, place]
            # A missing value is compared with a share of 0.
            share = np.append(shares, 0.0)[np.where(np.isnan(codes), -1, codes).astype(int)]
            masked[generator.random(len(rows)) < share, place] = len(shares) - 1
        return masked
