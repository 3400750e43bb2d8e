"""What a prediction is asked with, as JSON Schema: made from the model's features."""

from model.prediction.schema import Feature, Schema
from service.openapi.json_schema import Json, reference


def request_schemas(schema: Schema, max_rows: int, prefix: str = "") -> Json:
    """The schemas Instance and ArrayInstance (one case) and Instances (many), their names after a
    prefix.
    """
    values = [_value_schema(feature) for feature in schema.features]
    rows = {"type": "array", "minItems": 1, "maxItems": max_rows}
    return {
        f"{prefix}ArrayInstance": {
            "type": "array",
            "description": f"One case, its values in this order: {', '.join(schema.names)}.",
            "prefixItems": values,
            "minItems": len(values),
            "maxItems": len(values),
        },
        f"{prefix}Instance": {
            "type": "object",
            "description": "One case.",
            "properties": dict(zip(schema.names, values, strict=True)),
            "required": [each.name for each in schema.features if not each.may_be_missing],
            "additionalProperties": False,
        },
        f"{prefix}Instances": {
            "type": "object",
            "description": "Many cases: all objects, or all arrays.",
            "properties": {
                "instances": {
                    "oneOf": [
                        {**rows, "items": reference(f"{prefix}Instance")},
                        {**rows, "items": reference(f"{prefix}ArrayInstance")},
                    ]
                }
            },
            "required": ["instances"],
            "additionalProperties": False,
        },
    }


def _value_schema(feature: Feature) -> Json:
    notes = [
        feature.description,
        f"Unit: {feature.unit}." if feature.unit else None,
        "Imputed when null or absent." if feature.may_be_missing else None,
    ]
    type_ = "string" if feature.type == "category" else feature.type
    categories: list[str | None] = list(feature.categories)
    if categories and feature.may_be_missing:
        categories.append(None)
    facts = {
        "type": [type_, "null"] if feature.may_be_missing else type_,
        "enum": categories or None,
        "minimum": feature.minimum,
        "maximum": feature.maximum,
        "description": " ".join(note for note in notes if note) or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
