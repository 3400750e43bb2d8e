"""JSON Schema of predictions, made from the target of a model."""

from model.prediction.target import REFER, Binary, MultiClass, MultiLabel, Target
from service.openapi.json_schema import Json, array_of, object_of, reference

PROBABILITY: Json = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Json = {"type": "number"}


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
    prediction: Json = _prediction_properties(target) | {
        "imputed": array_of({"type": "string"})
        | {
            "description": "Names of the features that were missing; absent if there are none.",
        },
    }
    model: Json = {"model": {"type": "string", "description": "Name and version of the model."}}
    if target.has_threshold:
        threshold = PROBABILITY | {"description": "Decision threshold of the labels."}
        model = {"threshold": threshold} | model
    predictions = array_of(reference(f"{prefix}Prediction"))
    rows = array_of(reference(f"{prefix}TableRow"))
    repeated = {
        "description": "A prediction, and the fields that are repeated from the request.",
        "additionalProperties": True,
    }
    return {
        f"{prefix}Answer": object_of(prediction | model, "imputed"),
        f"{prefix}Answers": object_of({"predictions": predictions} | model),
        f"{prefix}Prediction": object_of(prediction, "imputed"),
        f"{prefix}TableAnswers": object_of({"predictions": rows} | model),
        f"{prefix}TableRow": {
            "anyOf": [object_of(prediction, "imputed") | repeated, reference("RowErrors")]
        },
        f"{prefix}TableLine": {
            "description": "One line of an answer in NDJSON.",
            "anyOf": [object_of(prediction | model, "imputed") | repeated, reference("RowErrors")],
        },
    }


def _prediction_properties(target: Target) -> Json:
    """Return the properties of the answers of `Target.answers`."""
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
