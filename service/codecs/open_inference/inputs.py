"""Conversion of input tensors to rows that satisfy the model's schema, validated in NumPy.

A request has one tensor named `input` with all features, or one tensor per feature. In `input`, a
category is its index in the feature's categories, false is 0, true is 1, and NaN is missing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from model.arrays import Array
from model.prediction.cells import cell_parsers
from model.prediction.names import KnownNames
from model.prediction.schema import Feature, Schema
from model.prediction.schema_rules import SchemaRules
from service.codecs.charge import Charge, uncharged
from service.codecs.open_inference.tensors import NUMBERS, ROUNDINGS, Rounding, Tensor
from service.problems import Problem, safe_name

ALL: Final = "input"
VALUE_BYTES: Final = 112  # memory of a value and of its conversion, without its text


class InputTensors:
    """Validator of input tensors for one model; thread-safe.

    Args:
        schema: The model's features.
        max_rows: Maximum number of rows of a request.
    """

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self._features = schema.features
        self._names, self._known = schema.names, KnownNames(schema.names)
        self._places = {name: place for place, name in enumerate(schema.names)}
        self._max_rows = max_rows
        missing = schema.missing_values
        self._rules = SchemaRules(schema.features, missing)
        self._column_rules = [SchemaRules([feature], missing) for feature in schema.features]
        self._parsers = cell_parsers(schema)

    def rows(self, tensors: Sequence[Tensor], charge: Charge = uncharged) -> Array:
        """Return valid rows (B, features) float64, NaN where missing.

        The rows are read-only: they may share memory with the request body.

        Args:
            tensors: The input tensors.
            charge: Called with the memory of the rows, and of their conversion.

        Raises:
            Problem: The tensors are invalid (400).
        """
        is_all, features = len(tensors) == 1 and self._is_all(tensors[0]), len(self._names)
        converted = features if is_all else 1  # columns at a time
        count = min(tensors[0].shape[0], self._max_rows)  # more are rejected
        charge(count * (8 * features + VALUE_BYTES * converted))
        binary = (len(each.data) for each in tensors if isinstance(each.data, memoryview))
        charge(max(binary, default=0))  # texts of BYTES
        if is_all:
            return self._all(tensors[0])
        return self._each(tensors)

    def _is_all(self, tensor: Tensor) -> bool:
        """Return True for the tensor of all features, not for a feature named `input`."""
        return tensor.name == ALL and (
            ALL not in self._places
            or (tensor.datatype in NUMBERS and tensor.shape[1:] == (len(self._names),))
        )

    def _all(self, tensor: Tensor) -> Array:
        features = len(self._names)
        self._require(tensor, NUMBERS, (features,))
        values = tensor.numbers().reshape(-1, features)
        return self._validated(tensor, values, self._rules, self._features)

    def _each(self, tensors: Sequence[Tensor]) -> Array:
        by_place: dict[int, Tensor] = {}
        for tensor in tensors:
            place = self._places.get(self._known.find(tensor.name))
            if place is None:
                rule = f"there must be one named {ALL}, or one named after each feature"
                raise Problem(400, f"Input {safe_name(tensor.name)}: {rule}.")
            if place in by_place:
                raise tensor.refused("must be given once")
            self._require(tensor, datatypes(self._features[place]), (1,), ())
            if tensor.shape[0] != tensors[0].shape[0]:
                raise tensor.refused("must have as many rows as the first input")
            by_place[place] = tensor
        for place, feature in enumerate(self._features):
            if place not in by_place and not feature.may_be_missing:
                raise Problem(400, f"Input {feature.name} is required.")
        rows = np.full((tensors[0].shape[0], len(self._features)), np.nan)
        for place, tensor in by_place.items():
            values = self._read(tensor, place)
            rules, features = self._column_rules[place], self._features[place : place + 1]
            rows[:, [place]] = self._validated(tensor, values[:, np.newaxis], rules, features)
        return rows

    def _read(self, tensor: Tensor, place: int) -> Array:
        feature = self._features[place]
        if feature.type == "boolean":
            return tensor.truths()
        if feature.type == "category":
            return tensor.parsed(self._parsers[place].category)
        return tensor.numbers()

    def _require(
        self, tensor: Tensor, datatypes: tuple[str, ...], *shapes: tuple[int, ...]
    ) -> None:
        """Raise Problem (400) for a wrong shape, datatype or number of rows."""
        if tensor.shape[1:] not in shapes:
            expected = " or ".join(str(["rows", *shape]).replace("'", "") for shape in shapes)
            raise tensor.refused(f"must have the shape {expected}")
        if tensor.datatype not in datatypes:
            raise tensor.refused(f"must be of the datatype {' or '.join(datatypes)}")
        if tensor.shape[0] > self._max_rows:
            raise tensor.refused(f"must have at most {self._max_rows} rows")

    @staticmethod
    def _validated(
        tensor: Tensor, values: Array, rules: SchemaRules, features: Sequence[Feature]
    ) -> Array:
        """Return the values (B, columns) if all are valid. Raises Problem (400)."""
        for rounding in ROUNDINGS.get(tensor.datatype, ()):
            values = _undo_rounding(values, rules, rounding)
        values = rules.with_gaps(values)
        invalid = rules.check(values)
        if invalid is not None and invalid.any():
            element = int(invalid.argmax())
            feature = features[element % values.shape[1]]
            if tensor.name == ALL:
                rule = f"{feature.name} {_numeric_rule(feature, tensor.missing)}"
            else:
                rule = feature.rule_with(tensor.missing)
            raise tensor.refused(rule, element)
        return values


def _undo_rounding(values: Array, rules: SchemaRules, rounding: Rounding) -> Array:
    """Return the bound itself for values that are a bound rounded out of the range."""
    with np.errstate(over="ignore"):
        low, high = (rounding(each).astype(np.float64) for each in (rules.low, rules.high))
    values = np.where((values == low) & (low < rules.low) & np.isfinite(low), rules.low, values)
    return np.where((values == high) & (high > rules.high) & np.isfinite(high), rules.high, values)


def _numeric_rule(feature: Feature, missing: str) -> str:
    """Return the rule for a feature in its numeric encoding.

    Args:
        feature: The feature.
        missing: Name of a missing element; "" if there can be none.
    """
    end = f" or {missing}" if feature.may_be_missing and missing else ""
    if feature.type == "boolean":
        return f"must be 0 or 1{end}"
    if feature.type == "category":
        last = len(feature.category_levels) - 1
        return f"must be the index of a category, from 0 to {last}{end}"
    return feature.rule_with(missing)


def datatypes(feature: Feature) -> tuple[str, ...]:
    """Return the accepted datatypes for the tensor of one feature."""
    if feature.type == "boolean":
        return ("BOOL",)
    return ("BYTES",) if feature.type == "category" else NUMBERS
