"""A model's schema as pydantic-core schemas: what one value, and one row, may be."""

import math
from typing import Final

from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

from model.prediction.schema import Feature, Schema

# Stands for a name that was not given. NaN, so that it is missing in the array as well; JSON
# cannot hold it, so no value a client sends is this very object.
ABSENT: Final = math.nan


def value_schema(feature: Feature) -> CoreSchema:
    """A JSON value that keeps the feature's rule; null too where the feature may be missing.

    What comes out of it is the number that stands for it, or a bool.
    """
    value = _present(feature)
    return core.nullable_schema(value) if feature.may_be_missing else value


def _present(feature: Feature) -> CoreSchema:
    if feature.type == "boolean":
        return core.bool_schema(strict=True)
    if feature.type == "category":
        places = {name: place for place, name in enumerate(feature.categories)}
        names = core.literal_schema(list(feature.categories))
        return core.no_info_after_validator_function(places.__getitem__, names)
    value = core.float_schema(
        strict=True, ge=feature.minimum, le=feature.maximum, allow_inf_nan=False
    )
    if feature.type == "integer":
        # An exact check: multiple_of=1 would let 5.0000000001 pass. 5.0 is an integer.
        return core.chain_schema([value, core.int_schema()])
    return value


def named_values(schema: Schema) -> dict[str, core.TypedDictField]:
    """Every feature as an object's key; one that is not given becomes ABSENT."""
    return {
        feature.name: core.typed_dict_field(
            core.with_default_schema(value_schema(feature), default=ABSENT), required=False
        )
        for feature in schema.features
    }


def object_row(schema: Schema) -> CoreSchema:
    """A row as an object; unknown names are ignored here, the caller counts."""
    return core.typed_dict_schema(named_values(schema), extra_behavior="ignore")


def array_row(schema: Schema) -> CoreSchema:
    """A row as an array of values in the schema's order."""
    return core.tuple_positional_schema([value_schema(feature) for feature in schema.features])
