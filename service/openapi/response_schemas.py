"""What /predict answers, as JSON Schema: made from the model's target."""

from model.prediction.target import REFER, Binary, MultiClass, MultiLabel, Target
from service.openapi.json_schema import Json, object_of, reference

PROBABILITY: Json = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Json = {"type": "number"}


def answer_schemas(target: Target, prefix: str = "") -> Json:
    """The schemas Answer (one case in), Answers (many in) and Prediction (one of the many), their
    names after a prefix.
    """
    prediction: Json = _told(target) | {
        "imputed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The features that were missing; not there when none was.",
        },
    }
    model: Json = {"model": {"type": "string", "description": "Name and version."}}
    if target.has_threshold:
        model = {"threshold": PROBABILITY} | model
    predictions = {"type": "array", "items": reference(f"{prefix}Prediction")}
    return {
        f"{prefix}Answer": object_of(prediction | model, optional="imputed"),
        f"{prefix}Answers": object_of({"predictions": predictions} | model),
        f"{prefix}Prediction": object_of(prediction, optional="imputed"),
    }


def _told(target: Target) -> Json:
    """What `target.answers` tells of one case."""
    if isinstance(target, Binary):
        what = f"The probability of {target.positive}."
        labels = [target.negative, target.positive]
        told = {
            "probability": PROBABILITY | {"description": what},
            "label": {"type": "string", "enum": labels},
        }
        if target.refer is not None:
            low, high = target.refer
            told["decision"] = {
                "type": "string",
                "enum": [target.negative, REFER, target.positive],
                "description": f"{REFER} for a probability above {low:g} and up to {high:g}.",
            }
        return told
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
