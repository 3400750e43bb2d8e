"""The rules of a feature in plain Python, for comparison with the vectorized `SchemaRules`."""

import math

from model.prediction.schema import Feature


def is_valid(feature: Feature, value: float) -> bool:
    """Return whether a raw value is valid; NaN is a missing value."""
    if math.isnan(value):
        return feature.may_be_missing
    if math.isinf(value):
        return False
    if feature.type == "boolean":
        return value in (0, 1)
    if feature.type == "category":
        return value in range(len(feature.categories) + (feature.unseen == "other"))
    if feature.type == "integer" and value != int(value):
        return False
    if feature.out_of_range == "clip":
        return True
    low = -math.inf if feature.minimum is None else feature.minimum
    high = math.inf if feature.maximum is None else feature.maximum
    return low <= value <= high
