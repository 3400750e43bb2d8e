"""JSON Schema of explanations, made from the schema of a model."""

from collections.abc import Callable, Iterable

from model.explanation.reference import REFERENCES
from model.explanation.shapley import scales_of
from model.prediction.predictor import Predictor
from model.prediction.target import Binary, MultiLabel, Regression, Target
from service.openapi.schemas.json_schema import (
    Json,
    array_of,
    map_of,
    object_of,
    or_null,
    reference,
)
from service.openapi.schemas.responses import (
    NUMBER,
    PROBABILITY,
    prediction_properties,
    row_facts,
)


def explanation_schemas(predictor: Predictor, prefix: str = "") -> Json:
    """Return the schemas of explanations: Explanations and Explanation.

    Args:
        predictor: The model.
        prefix: Prefix of the names.

    Returns:
        Schemas by name.
    """
    target, scales = predictor.schema.target, scales_of(predictor)
    names = target.names if len(target.names) > 1 else None

    def by_output(properties: Json) -> Json:
        of_output = object_of(properties)
        return of_output if names is None else _outputs(names, of_output)

    features = predictor.schema.names
    scale = scales[0]
    number = NUMBER if scale == "value" else PROBABILITY
    effects = object_of({"reference": NUMBER, "values": object_of(dict.fromkeys(features, NUMBER))})
    method: Json = {
        "method": {"type": "string", "enum": ["exact", "sampled"]},
        "permutations": {"type": "integer"},
        "standard_error": {"type": "number", "description": "Largest one of the first scale."},
    }
    sampled = ("permutations", "standard_error")
    shapley = _with(method, by_output(dict.fromkeys(scales, effects)), *sampled)
    values = array_of({"type": ["number", "string", "boolean"]})
    curve = _with({"values": values}, by_output({scale: array_of(number)}))
    along = dict.fromkeys(("mean", "low", "high"), array_of(number))
    dependence = _with({"values": values}, by_output(along))
    dependences = object_of(
        {
            "rows": {"type": "integer"},
            "features": object_of(dict.fromkeys(features, dependence)),
        },
        "rows",
        "features",
    )
    kinds: Json = {
        "shapley": shapley,
        "curves": object_of(dict.fromkeys(features, curve)),
        "certainty": _certainty(target, by_output),
        "neighbours": _with({"source": _SOURCE}, by_output(_neighbours(target))),
    }
    if not isinstance(target, Regression):
        kinds["counterfactuals"] = _counterfactuals(target)
    answer = {
        "explanations": array_of(reference(f"{prefix}Explanation")),
        "reference": _with(
            {
                "name": {"type": "string", "enum": list(REFERENCES)},
                "rows": {"type": "integer"},
            },
            by_output({scale: number}),
        ),
        "partial_dependence": dependences,
        **({"threshold": PROBABILITY} if target.has_threshold else {}),
        "model": {"type": "string", "description": "Name and version of the model."},
    }
    return {
        f"{prefix}Explanations": object_of(answer, "partial_dependence"),
        f"{prefix}Explanation": object_of(
            prediction_properties(target) | row_facts() | kinds, *row_facts(), *kinds
        ),
    }


_SOURCE: Json = {"type": "string", "enum": ["out-of-bag", "validation"]}


def _with(properties: Json, schema: Json, *optional: str) -> Json:
    """Return the schema of an object with further properties, which come first."""
    required = [name for name in properties if name not in optional]
    return schema | {
        "properties": properties | schema["properties"],
        "required": required + schema["required"],
    }


def _outputs(names: Iterable[str], schema: Json) -> Json:
    return object_of({"outputs": object_of(dict.fromkeys(names, schema))})


def _certainty(target: Target, by_output: Callable[[Json], Json]) -> Json:
    is_number = isinstance(target, Regression)
    number = NUMBER if is_number else PROBABILITY
    members: Json = by_output({"low": number, "high": number})
    properties: Json = {"members": members}
    if not is_number:
        properties["members"] = _with({"agreement": PROBABILITY}, members)
    if is_number:
        ends = by_output({"low": or_null(NUMBER), "high": or_null(NUMBER)})
        properties["interval"] = ends | {
            "description": "Includes the true value in the share `level` of the cases; an end is "
            "null where too few held-out rows are known."
        }
    elif isinstance(target, MultiLabel):
        labels = array_of({"type": "string", "enum": ["absent", "present"]})
        properties["sets"] = object_of(dict.fromkeys(target.labels, labels))
    else:
        properties["set"] = array_of({"type": "string", "enum": _labels(target)}) | {
            "description": "Includes the true label in the share `level` of the cases of each "
            "label; never empty."
        }
    properties |= {
        "level": PROBABILITY,
        "source": _SOURCE,
        "too_few_rows": array_of({"type": "string"})
        | {
            "description": "Labels, or numbers, of which too few held-out rows are known for the "
            "level: such labels are in every set, and such intervals have no ends."
        },
        "distance_percentile": {"type": "number", "minimum": 0, "maximum": 100},
        "unlike_training": {
            "type": "boolean",
            "description": "Whether the row is farther from the kept training rows than 99 % of "
            "these are from each other.",
        },
    }
    optional = ("members", "too_few_rows", "distance_percentile", "unlike_training")
    return object_of(properties, *optional)


def _neighbours(target: Target) -> Json:
    rows: Json = {"rows": {"type": "integer", "minimum": 0}}
    if isinstance(target, Regression):
        return rows | dict.fromkeys(("mean", "low", "high"), or_null(NUMBER))
    interval = array_of(PROBABILITY) | {"minItems": 2, "maxItems": 2}
    ends: Json = {"low": PROBABILITY, "high": PROBABILITY}
    positive = {"positive": {"type": "integer", "minimum": 0}}
    return ends | rows | positive | {"interval": {"anyOf": [interval, {"type": "null"}]}}


def _counterfactuals(target: Target) -> Json:
    changes = map_of({"type": ["number", "string", "boolean"]})
    found = array_of(object_of({"changes": changes} | prediction_properties(target)))
    method = {"type": "string", "enum": ["exhaustive", "beam"]}
    of_label = object_of({"method": method, "found": found})
    if isinstance(target, MultiLabel):
        return object_of({"labels": object_of(dict.fromkeys(target.labels, of_label))})
    return of_label


def _labels(target: Target) -> list[str]:
    if isinstance(target, Binary):
        return [target.negative, target.positive]
    return list(target.names)
