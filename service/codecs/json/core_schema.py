"""pydantic-core schemas of values and rows, from a model's schema."""

import math
from typing import Final

from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

from model.prediction.schema import Feature, Schema

# The value of a feature without a key. NaN, so that it counts as missing in the array. JSON has no
# NaN, so no value from a client is this object.
ABSENT: Final = math.nan


def value_schema(feature: Feature) -> CoreSchema:
    """Return the schema of a feature's JSON value; null is valid if the feature may be missing.

    Validation returns a number or a bool; a category becomes its index.
    """
    value = _present(feature)
    return core.nullable_schema(value) if feature.may_be_missing else value


def _present(feature: Feature) -> CoreSchema:
    if feature.type == "boolean":
        return core.bool_schema(strict=True)
    if feature.type == "category":
        indices = {name: index for index, name in enumerate(feature.categories)}
        names = core.literal_schema(list(feature.categories))
        return core.no_info_after_validator_function(indices.__getitem__, names)
    value = core.float_schema(
        strict=True, ge=feature.minimum, le=feature.maximum, allow_inf_nan=False
    )
    if feature.type == "integer":
        # An exact check: multiple_of=1 would accept 5.0000000001. 5.0 is an integer.
        return core.chain_schema([value, core.int_schema()])
    return value


def named_values(schema: Schema) -> dict[str, core.TypedDictField]:
    """Return a field for each feature; the default of a missing key is ABSENT."""
    return {
        feature.name: core.typed_dict_field(
            core.with_default_schema(value_schema(feature), default=ABSENT), required=False
        )
        for feature in schema.features
    }


def object_row(schema: Schema) -> CoreSchema:
    """Return the schema of a row as an object. Unknown names are ignored."""
    return core.typed_dict_schema(named_values(schema), extra_behavior="ignore")


def array_row(schema: Schema) -> CoreSchema:
    """Return the schema of a row as an array of values in the order of the features."""
    return core.tuple_positional_schema([value_schema(feature) for feature in schema.features])
