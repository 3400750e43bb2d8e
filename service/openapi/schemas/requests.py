"""JSON Schema of prediction requests, made from the features of a model."""

from collections.abc import Collection

from model.prediction.schema import Feature, Schema, levels_text
from service.codecs.json.names import PARAMETERS, SIGNATURE_NAME
from service.codecs.json.parser import SIGNATURE
from service.openapi.schemas.json_schema import CLOSED, Json, or_null, reference, threshold_value


def request_schemas(
    schema: Schema, max_rows: int, points: Collection[str], prefix: str = ""
) -> Json:
    """Return the schemas Instance, ArrayInstance (both one row) and Instances (many rows).

    Args:
        schema: Features of the model.
        max_rows: Maximum number of rows of a request.
        points: Names of the model's operating points.
        prefix: Prefix of the names.

    Returns:
        Schemas by name.
    """
    values = [_value_schema(feature) for feature in schema.features]
    rows = {"type": "array", "maxItems": max_rows}
    return {
        f"{prefix}ArrayInstance": {
            "type": "array",
            "description": f"One instance, its values in this order: {', '.join(schema.names)}.",
            "prefixItems": values,
            # Of no further value, but for generators that do not know prefixItems.
            "items": _any_value(values),
            "minItems": len(values),
            "maxItems": len(values),
        },
        f"{prefix}Instance": {
            "type": "object",
            "description": "One instance.",
            "properties": dict(zip(schema.names, values, strict=True)),
            "required": [each.name for each in schema.features if not each.may_be_missing],
            "additionalProperties": False,
        },
        f"{prefix}Instances": {
            "type": "object",
            "description": "Many instances, all objects or all arrays.",
            "properties": {
                "instances": {
                    "anyOf": [
                        {**rows, "items": reference(f"{prefix}Instance")},
                        {**rows, "items": reference(f"{prefix}ArrayInstance")},
                    ]
                },
                **companions(points),
            },
            "required": ["instances"],
            "additionalProperties": False,
        },
    }


def companions(points: Collection[str]) -> Json:
    """Return the properties that may stand beside the rows of a body.

    Args:
        points: Names of the model's operating points; none if it has no threshold.
    """
    threshold = {"threshold": or_null(threshold_value(points))} if points else {}
    parameters = {"type": ["object", "null"], "properties": threshold} | CLOSED
    return {
        **dict.fromkeys(PARAMETERS, parameters),
        SIGNATURE_NAME: {"type": ["string", "null"], "enum": [SIGNATURE, None]},
    }


def _any_value(values: list[Json]) -> Json:
    """Return the types of all values of a row."""
    types = {name: None for value in values for name in _types(value)}
    return {"type": list(types) if len(types) > 1 else next(iter(types))}


def _types(value: Json) -> list[str]:
    return [value["type"]] if isinstance(value["type"], str) else value["type"]


def _value_schema(feature: Feature) -> Json:
    notes = [
        feature.description,
        f"Unit: {feature.unit}." if feature.unit else None,
        levels_text(feature.levels or {}),
        "Imputed when null or absent." if feature.may_be_missing else None,
        _open_rule(feature),
    ]
    type_ = "string" if feature.type == "category" else feature.type
    categories: list[str | None] = list(feature.categories)
    is_open, is_clipped = feature.unseen == "other", feature.out_of_range == "clip"
    if categories and feature.may_be_missing:
        categories.append(None)
    keywords = {
        "title": feature.label,
        "type": [type_, "null"] if feature.may_be_missing else type_,
        "examples" if is_open else "enum": categories or None,
        "minimum": None if is_clipped else feature.minimum,
        "maximum": None if is_clipped else feature.maximum,
        "description": " ".join(note for note in notes if note) or None,
    }
    return {name: value for name, value in keywords.items() if value is not None}


def _open_rule(feature: Feature) -> str | None:
    """Return what happens to other categories and numbers; None if they are refused."""
    if feature.unseen == "other":
        return "Other texts than the examples are unknown categories."
    if feature.out_of_range != "clip":
        return None
    bounds = ("at least", feature.minimum), ("at most", feature.maximum)
    rules = [f"{rule} {bound:g}" for rule, bound in bounds if bound is not None]
    return f"Clipped to be {' and '.join(rules)}."
