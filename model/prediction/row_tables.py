"""Check and encode single rows by looking up their values, without NumPy."""

import math
from collections.abc import Mapping, Sequence
from operator import contains, getitem
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.prediction.cells import missing_numbers
from model.prediction.encoder import Encoder
from model.prediction.schema import Feature, Schema

MAX_VALUES: Final = 10_000  # of all features of a model

# Types of values in parsed JSON. As keys of a table 1, 1.0 and true are equal, so the types are
# checked beside the look-up.
_TYPES: Final = {
    "integer": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "category": frozenset({str}),
}


class RowTables:
    """All valid values of each feature, with the network inputs of each value.

    Checking and encoding one row takes about 2 µs, where arrays of one row take ten times as long.
    Immutable and thread-safe.

    Args:
        types: The types of each feature's values.
        tables: For each feature, the inputs of each valid value: float64, as bytes.
        categories: The raw value of each category, by the place of its feature.
    """

    def __init__(
        self,
        types: Sequence[frozenset[type]],
        tables: Sequence[Mapping[object, bytes]],
        categories: Mapping[int, Mapping[object, float]],
    ) -> None:
        self._types, self._tables, self._categories = types, tables, categories
        # With the same types for all features, one call checks all values.
        self._types_of_all = types[0] if len(set(types)) == 1 else None

    @classmethod
    def for_model(cls, schema: Schema, encoder: Encoder) -> "RowTables | None":
        """Return the tables of a model; None if its features have too many values.

        Args:
            schema: The model's schema.
            encoder: The model's encoder.
        """
        features = schema.features
        if sum(map(_count, features)) > MAX_VALUES:
            return None
        values = [_raw_values(feature) for feature in features]
        # Row r holds the r-th value of each feature, and the first value of a feature with fewer.
        rows = np.array([[next(iter(raw.values())) for raw in values]] * max(map(len, values)))
        for column, raw in enumerate(values):
            rows[: len(raw), column] = [*raw.values()]
        try:
            with np.errstate(over="ignore"):
                inputs = encoder.encode(rows)
                negative_zeros = encoder.encode(np.where(rows == 0, -0.0, rows))
        except NetworkError:  # a value is too large to be scaled
            return None
        if np.abs(inputs).max() > np.finfo(np.float32).max:  # a network may compute in float32
            return None
        types, tables = [], []
        for number, (feature, raw) in enumerate(zip(features, values, strict=True)):
            columns = encoder.columns[0] == number
            keeps_sign = inputs[:, columns].tobytes() != negative_zeros[:, columns].tobytes()
            # -0.0 has the key 0, but other inputs.
            types.append(_TYPES[feature.type] - ({float} if keeps_sign else set()))
            table = dict(zip(raw, map(np.ndarray.tobytes, inputs[:, columns]), strict=False))
            missing = _missing(feature, schema)
            tables.append({value: table[value] for value in table if value not in missing})
        categories = {
            place: raw
            for place, (feature, raw) in enumerate(zip(features, values, strict=True))
            if feature.type == "category"
        }
        return cls(types, tables, categories)

    def encode(self, values: Sequence[object]) -> bytes | None:
        """Check and encode one row.

        Args:
            values: The values of the features, in order, as parsed from JSON.

        Returns:
            The row's inputs for `Predictor.predict_encoded`: those of `Encoder.encode` to the last
            bit, as bytes. None if a value is missing, is invalid, or is not in the tables.
        """
        if len(values) != len(self._tables):
            return None
        if self._types_of_all is not None:
            if not self._types_of_all.issuperset(map(type, values)):
                return None
        elif not all(map(contains, self._types, map(type, values))):
            return None
        try:
            return b"".join(map(getitem, self._tables, values))
        except KeyError:
            return None

    def raw_values(self, values: Sequence[Any]) -> Array:
        """Return the raw values of rows, which `encode` has accepted.

        Args:
            values: The values of B rows, one row after another, as parsed from JSON.

        Returns:
            `(B, F)` float64.
        """
        features = len(self._tables)
        if self._categories:
            found = np.empty((len(values) // features, features))
            for place in range(features):
                column, raw = values[place::features], self._categories.get(place)
                found[:, place] = column if raw is None else [raw[value] for value in column]
            return found
        try:
            numbers = np.frombuffer(bytes(values), np.uint8).astype(np.float64)
        except (TypeError, ValueError):  # a float, or a number not from 0 to 255
            numbers = np.fromiter(values, np.float64, len(values))
        return numbers.reshape(-1, features)


def _missing(feature: Feature, schema: Schema) -> frozenset[object]:
    """Return the values of a feature that are read as missing."""
    if feature.type == "category":
        return frozenset(schema.missing_values)
    return frozenset() if feature.type == "boolean" else missing_numbers(schema.missing_values)


def _count(feature: Feature) -> float:
    """Return the number of valid values of a feature."""
    if feature.type == "boolean":
        return 2
    if feature.type == "category":
        return len(feature.categories)
    if feature.type == "number" or feature.minimum is None or feature.maximum is None:
        return math.inf
    return math.floor(feature.maximum) - math.ceil(feature.minimum) + 1


def _raw_values(feature: Feature) -> dict[object, float]:
    """Return the raw value of each valid value in JSON."""
    if feature.type == "boolean":
        return {False: 0.0, True: 1.0}
    if feature.type == "category":
        return {name: float(index) for index, name in enumerate(feature.categories)}
    assert feature.minimum is not None
    assert feature.maximum is not None
    low, high = math.ceil(feature.minimum), math.floor(feature.maximum)
    return {value: float(value) for value in range(low, high + 1)}
