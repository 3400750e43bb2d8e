"""A request body, from raw bytes to an array of rows: parsed and validated once, in Rust.

The happy path asks pydantic-core for one yes or no. What is wrong with a refused body is found by
a second, slower look (`service.inspection`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as core

from model.arrays import Array
from model.schema import Schema
from service.grammar import ABSENT, array_row, named_values, object_row
from service.inspection import Inspector
from service.problems import Problem


@dataclass(frozen=True, slots=True)
class Rows:
    """What a body asks to predict.

    values: (B, features) float64, NaN where missing. missing: the row and column of each NaN.
    single: one object came, so one object is answered.
    """

    values: Array
    missing: list[list[int]]
    single: bool


class Contract:
    """What a request body for one model may be. Built once, used from any thread.

    A body is one object of features, or {"instances": […]} of at most `max_rows` objects or arrays.
    """

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self._inspector = Inspector(schema, max_rows)
        self._required = np.array([not feature.may_be_missing for feature in schema.features])
        rows = core.union_schema(
            [
                core.list_schema(row, min_length=1, max_length=max_rows, fail_fast=True)
                for row in (object_row(schema), array_row(schema))
            ],
            mode="left_to_right",
        )
        instances = core.typed_dict_field(
            core.with_default_schema(rows, default=None), required=False
        )
        body = core.typed_dict_schema(
            {**named_values(schema), "instances": instances}, extra_behavior="ignore"
        )
        # A default instead of an error: an error would copy what it complains about, perhaps all
        # of the body. So what this still raises is malformed JSON.
        self._validator = SchemaValidator(
            core.with_default_schema(body, default=None, on_error="default")
        )

    def parse(self, body: bytes) -> Rows:
        """The rows in a body. Raises Problem: 400 when it is no JSON, 422 when it breaks a rule."""
        try:
            fields: dict[str, Any] | None = self._validator.validate_json(body)
        except ValidationError as error:
            reason = error.errors(include_input=False, include_url=False)[0]["msg"]
            raise Problem(400, f"The body is malformed. {reason}.") from None
        rows = None if fields is None else self._rows(fields, body.count(b":"))
        if rows is None:
            raise Problem.invalid(self._inspector.errors(body))
        return rows

    def _rows(self, fields: dict[str, Any], colons: int) -> Rows | None:
        """The validated rows, or None when a name is absent, unknown or given twice.

        Only the names that were asked for are in `fields`. A valid body has no strings but names
        and categories, and none of them holds a colon, so any other name, or one more, shows as
        one colon too many.
        """
        instances = fields.pop("instances")
        single = instances is None
        rows: list[Any] = [fields] if single else instances
        named = isinstance(rows[0], dict)
        if named:
            rows = [list(row.values()) for row in rows]
        values = np.array(rows, dtype=np.float64)  # None becomes NaN
        missing = np.isnan(values)
        pairs = values.size if named else 0
        places: list[list[int]] = []
        if missing.any():
            if (missing & self._required).any():
                return None
            places = np.argwhere(missing).tolist()
            pairs -= sum(row.count(ABSENT) for row in rows)
        return Rows(values, places, single) if colons == pairs + (not single) else None
