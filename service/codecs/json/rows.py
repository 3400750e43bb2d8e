"""Rows of JSON as numbers: objects by name, or arrays in the order of the features."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import numpy as np

from model.arrays import Array
from model.prediction.cells import CellParser
from model.prediction.schema import Schema
from service.codecs.blocks import ROW, Block, TableRules
from service.codecs.charge import Charge, uncharged
from service.codecs.extra import RowObjects, SimilarNames, add_errors
from service.codecs.integer_rows import read_integer_rows
from service.codecs.json.limits import parsed_bytes
from service.codecs.json.names import INSTANCES, TWICE, wrong_names
from service.problems import MAX_ERRORS, FieldError, Problem, safe_name

# Memory of decoding, in bytes: a tuple of each row; lists, arrays and the check of each value.
ROW_BYTES = 64
VALUE_BYTES = 64

FINITE = "must not hold a number beyond those of 64 bits"

_NUMBERS = frozenset({int, float})
_NUMBERS_AND_NULL = _NUMBERS | {type(None)}

# The JSON type of a feature's values, and the raw value of each of them.
_NAMED_VALUES: dict[str, Callable[[CellParser], tuple[type, Callable[[Any], float]]]] = {
    "boolean": lambda _: (bool, float),
    "category": lambda parser: (str, parser.category),
}


class RowDecoder:
    """Decoder of parsed JSON rows for one model. Thread-safe.

    Args:
        schema: The model's schema, of F features.

    Attributes:
        rules: The rules for values.
        features: F.
        in_order: Returns the values of an object in the order of the features, or raises KeyError.
    """

    def __init__(self, schema: Schema) -> None:
        self._names = names = schema.names
        self.in_order = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        self.rules = TableRules(schema)
        self._known = self.rules.names
        self.features = len(names)
        self._required = {name: FieldError(field=name, rule="is required") for name in names}
        # Places of categories and booleans, with the type of their values and their raw values.
        self._named_values = [
            (place, *_NAMED_VALUES[feature.type](parser))
            for place, (feature, parser) in enumerate(
                zip(schema.features, self.rules.parsers, strict=True)
            )
            if feature.type in _NAMED_VALUES
        ]

    def decode_bytes(self, rows: int) -> int:
        """Return an upper limit of the memory that `decode` takes for a number of rows."""
        return rows * (ROW_BYTES + VALUE_BYTES * self.features)

    def decode_integers(self, text: bytes) -> Block | None:
        """Return rows that are written alike, with valid integers only; None for other rows.

        Args:
            text: Rows in JSON with commas between them, in brackets.
        """
        if self._named_values:
            return None
        values = read_integer_rows(text, self._names)
        if values is None:
            return None
        block = self.rules.check(values)
        return None if block.errors else block

    def decode(
        self,
        rows: list[Any],
        text: bytes,
        *,
        outer_pairs: int = 0,
        first_errors: bool = False,
        similar: SimilarNames | None = None,
        charge: Charge = uncharged,
    ) -> Block:
        """Convert rows to raw values, and check them.

        Args:
            rows: The rows, all objects or all arrays.
            text: The JSON text that the rows were parsed from: an array of them, an object with
                the array `instances` and `COMPANIONS`, or the only row.
            outer_pairs: Number of names in an object with `instances`, beside those of the rows.
            first_errors: Whether the errors of the first `MAX_ERRORS` invalid rows suffice.
            similar: The check of names that are no features, which pass through; None if such a
                name is an error.
            charge: Called with the memory of a second parse of the text.

        Returns:
            The rows, with the errors of the invalid ones.

        Raises:
            Problem: A name beside the rows is given twice (422).
        """
        errors: dict[int, list[FieldError]] = {}
        extra: RowObjects | None = None
        pairs = outer_pairs
        if rows and isinstance(rows[0], dict):
            in_order, read, rows = self._ordered(rows)
            pairs += read
            if similar is not None and (count := sum(map(len, rows))) > read:
                extra = RowObjects(list(map(self._others, rows)), parsed_bytes(text))
                pairs += count - read
        else:
            in_order = self._of_right_length(rows, errors)
        block = self.rules.check(self._values(in_order), errors)
        block.extra = extra
        wrong = wrong_names(text, pairs, self._known if similar is None else None, charge)
        invalid_extra = {}
        if extra is not None and similar is not None:
            invalid_extra = self._extra_errors(extra, rows, similar)
        if not block.errors and not wrong and not invalid_extra:
            return block
        known = islice(block.errors.items(), MAX_ERRORS if first_errors else None)
        found = {row: self._with_absent(each, rows[row]) for row, each in known}
        add_errors(found, invalid_extra)
        unknown = 0
        for path, rule in wrong:
            if outer_pairs and (path[0] != INSTANCES or len(path) == 1):
                place = ".".join(safe_name(str(part)) for part in path)
                raise Problem.invalid([FieldError(field=place, rule=rule)])
            field = safe_name(str(path[-1]))
            index = path[1 if outer_pairs else 0]
            row = index if isinstance(index, int) else 0
            if row not in found:
                if first_errors and unknown == MAX_ERRORS:
                    break
                unknown += 1
            row_errors = found.setdefault(row, [])
            if len(row_errors) < MAX_ERRORS:
                row_errors.append(FieldError(field=field, rule=rule))
        return Block(block.values, dict(sorted(found.items())), extra=extra)

    def _others(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the fields that are no features."""
        return {name: value for name, value in row.items() if name not in self._known}

    def _extra_errors(
        self, extra: RowObjects, rows: list[dict[str, Any]], similar: SimilarNames
    ) -> dict[int, list[FieldError]]:
        """Return the errors of fields that are no features, by row.

        Args:
            extra: These fields.
            rows: All fields.
            similar: The check of names.
        """
        errors: dict[int, list[FieldError]] = {}
        for index, fields in enumerate(extra.rows):
            for name, value in fields.items():
                is_feature = self._known.find(name) in self._known
                rule = TWICE if is_feature else similar.rule(name, rows[index])
                if rule is None and not is_finite(value):
                    rule = FINITE
                if rule is not None:
                    error = FieldError(field=safe_name(name), rule=rule)
                    errors.setdefault(index, []).append(error)
        return errors

    def _ordered(
        self, rows: list[dict[str, Any]]
    ) -> tuple[Sequence[Sequence[Any]], int, list[dict[str, Any]]]:
        """Return the values of objects in the order of the features.

        Returns:
            The values, how many of them were read, and the objects with names of features in NFC.
        """
        try:
            return list(map(self.in_order, rows)), len(rows) * self.features, rows
        except KeyError:
            rows = [row if row.keys() <= self._known else self._with_nfc(row) for row in rows]
            in_order = [list(map(row.get, self._names)) for row in rows]
            return in_order, sum(len(row.keys() & self._known) for row in rows), rows

    def _with_nfc(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with names of features in NFC; a name that it has already stays as it is."""
        found = ((name, self._known.find(name)) for name in row)
        return {name if known in row else known: row[name] for name, known in found}

    def _of_right_length(
        self, rows: list[Any], errors: dict[int, list[FieldError]]
    ) -> Sequence[Sequence[Any]]:
        """Return arrays, and replace those of a wrong length, which get an error, by nulls."""
        if set(map(len, rows)) == {self.features}:
            return rows
        error = FieldError(field=ROW, rule=f"must have {self.features} values")
        errors |= {index: [error] for index, row in enumerate(rows) if len(row) != self.features}
        nulls = [None] * self.features
        return [nulls if index in errors else row for index, row in enumerate(rows)]

    def _with_absent(self, errors: Iterable[FieldError], row: Any) -> list[FieldError]:
        """Return the errors of a row, with the rule of absent names."""
        if not isinstance(row, dict):
            return list(errors)
        return [each if each["field"] in row else self._required[each["field"]] for each in errors]

    def _values(self, rows: Sequence[Sequence[Any]]) -> Array:
        if not rows:
            return np.empty((0, self.features))
        if self._named_values:
            columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
            for place, kind, raw in self._named_values:
                columns[place] = [_raw_value(each, kind, raw) for each in columns[place]]
            rows = list(zip(*columns, strict=True))
        flat = rows[0] if len(rows) == 1 else list(chain.from_iterable(rows))
        return _numbers(flat).reshape(-1, self.features)


def is_finite(value: object) -> bool:
    """Return whether a JSON value has no number that is too large, and was read as infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict | list):
        return all(map(is_finite, value.values() if isinstance(value, dict) else value))
    return True


def _raw_value(value: Any, kind: type, raw: Callable[[Any], float]) -> float | None:
    """Return the raw value of a category or boolean; infinity for a value that is none."""
    if value is None:
        return None
    return raw(value) if type(value) is kind else math.inf


def _numbers(values: Sequence[Any]) -> Array:
    """Convert JSON numbers; infinity for values that are no number, NaN for null."""
    types = set(map(type, values))
    try:
        if types <= _NUMBERS:
            return np.fromiter(values, float, len(values))
        if types <= _NUMBERS_AND_NULL:
            return np.array(values, dtype=float)  # null becomes NaN
    except OverflowError:  # an integer of more than 300 digits
        pass
    return np.array([_number(each) for each in values])


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    try:
        return float(value) if type(value) in (int, float) else math.inf
    except OverflowError:
        return math.inf
