"""JSON Schema of predictions, made from the target of a model."""

from typing import Final

from model.prediction.row_facts import CLIPPED, IMPUTED, UNKNOWN
from model.prediction.target import REFER, Binary, MultiClass, MultiLabel, Target
from service.openapi.schemas.json_schema import Json, array_of, object_of, reference

PROBABILITY: Json = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Json = {"type": "number"}
_ROW_FACTS: Final = {
    IMPUTED: "Names of the features that were missing",
    CLIPPED: "Names of the numbers that were clipped to their range",
    UNKNOWN: "Names of the categories that the model does not know",
}


def answer_schemas(target: Target, prefix: str = "") -> Json:
    """Return the schemas of answers in JSON.

    These are Answer (to one instance), Answers (to many), Prediction (one of many), TableAnswers
    (to a table), TableRow (one row of a table) and TableLine (one line of NDJSON).

    Args:
        target: Target of the model.
        prefix: Prefix of the names.

    Returns:
        Schemas by name.
    """
    prediction = prediction_properties(target) | row_facts()
    model: Json = {"model": {"type": "string", "description": "Name and version of the model."}}
    if target.has_threshold:
        threshold = PROBABILITY | {"description": "Decision threshold of the labels."}
        model = {"threshold": threshold} | model
    model["id"] = {"type": "string", "description": "Id of the answer, if a store keeps it."}
    predictions = array_of(reference(f"{prefix}Prediction"))
    rows = array_of(reference(f"{prefix}TableRow"))
    repeated = {
        "description": "A prediction, and the fields that are repeated from the request.",
        "additionalProperties": True,
    }
    # Without a store, a row may have a field of this name, which is repeated.
    line = model | {"id": {"description": "Id of the answer, if a store keeps it."}}
    return {
        f"{prefix}Answer": object_of(prediction | model, "id", *_ROW_FACTS),
        f"{prefix}Answers": object_of({"predictions": predictions} | model, "id"),
        f"{prefix}Prediction": object_of(prediction, *_ROW_FACTS),
        f"{prefix}TableAnswers": object_of({"predictions": rows} | model, "id"),
        f"{prefix}TableRow": {
            "anyOf": [object_of(prediction, *_ROW_FACTS) | repeated, reference("RowErrors")]
        },
        f"{prefix}TableLine": {
            "description": "One line of an answer in NDJSON.",
            "anyOf": [
                object_of(prediction | line, "id", *_ROW_FACTS) | repeated,
                reference("RowErrors"),
            ],
        },
    }


def row_facts() -> Json:
    """Return the properties of the facts of a row; an answer has those that occurred."""
    return {
        name: array_of({"type": "string"}) | {"description": f"{what}; absent if there are none."}
        for name, what in _ROW_FACTS.items()
    }


def prediction_properties(target: Target) -> Json:
    """Return the properties of the answers of `Target.answers`.

    Args:
        target: Target of the model.
    """
    if isinstance(target, Binary):
        description = f"Probability of {target.positive}."
        labels = [target.negative, target.positive]
        properties = {
            "probability": PROBABILITY | {"description": description},
            "label": {"type": "string", "enum": labels},
        }
        if target.refer is not None:
            low, high = target.refer
            properties["decision"] = {
                "type": "string",
                "enum": [target.negative, REFER, target.positive],
                "description": f"{REFER} for a probability above {low:g} and up to {high:g}.",
            }
        return properties
    if isinstance(target, MultiClass):
        return {
            "label": {"type": "string", "enum": list(target.classes)},
            "probabilities": object_of(dict.fromkeys(target.classes, PROBABILITY)),
        }
    if isinstance(target, MultiLabel):
        label = {"type": "string", "enum": list(target.labels)}
        return {
            "labels": {"type": "array", "items": label},
            "probabilities": object_of(dict.fromkeys(target.labels, PROBABILITY)),
        }
    unit = {"description": f"In {target.unit}."} if target.unit else {}
    if len(target.outputs) == 1:
        return {"value": NUMBER | unit}
    return {"values": object_of(dict.fromkeys(target.outputs, NUMBER)) | unit}
