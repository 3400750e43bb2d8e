"""The report's descriptions of a model: purpose, features and recipe."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from model.evaluation.report.elements import Table
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature
from model.prediction.target import Binary, MultiClass, MultiLabel, Target

MAX_NAMES = 12
MAX_FEATURES = 100


def purpose(target: Target) -> str:
    """Return a sentence about what a model of this target predicts, without a full stop."""
    if isinstance(target, Binary):
        return f"The model distinguishes {target.positive} from {target.negative}"
    if isinstance(target, MultiClass):
        return f"The model predicts one class of {_some(target.classes)}"
    if isinstance(target, MultiLabel):
        return f"The model predicts any number of the labels {_some(target.labels)}"
    unit = f" in {target.unit}" if target.unit else ""
    return f"The model predicts {', '.join(target.outputs)}{unit}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def features_table(predictor: Predictor) -> Table:
    """Return a table of the features, at most 100, with their values and imputed values."""
    fills, features = predictor.encoder.fill.tolist(), predictor.schema.features
    rows = [
        (
            (feature.name, _shown(feature)),
            (feature.known_values, _others(feature)),
            feature.unit or "–",
            feature.spelled(fill) if feature.may_be_missing else "–",
        )
        for feature, fill in list(zip(features, fills, strict=True))[:MAX_FEATURES]
    ]
    heads = ("feature", "values", "unit", "value imputed if missing")
    more = f"the first {len(rows)} of " * (len(rows) < len(features))
    title = f"Features ({more}{len(features)})"
    return Table(title, heads, rows, prose=True)


def _shown(feature: Feature) -> str:
    return ". ".join(filter(None, (feature.label, feature.description)))


def _others(feature: Feature) -> str:
    if feature.unseen == "other":
        return "any other text counts as unknown"
    return "beyond them, predicted as the nearer end" if feature.out_of_range == "clip" else ""


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """Return a recipe as TOML, without its features and without empty values."""
    shown = _non_empty(recipe)
    shown.pop("features", None)
    lines = [
        f"{key} = {_toml(value)}" for key, value in shown.items() if not isinstance(value, dict)
    ]
    for name, section in shown.items():
        if isinstance(section, dict):
            lines += [
                "",
                f"[{name}]",
                *(f"{key} = {_toml(value)}" for key, value in section.items()),
            ]
    return "\n".join(lines)


def _non_empty(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without empty values, at any depth."""
    return {
        name: _non_empty(value) if isinstance(value, Mapping) else value
        for name, value in facts.items()
        if value not in (None, "", [], {})
    }


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return "[\n" + "".join(f"    {_toml(item)},\n" for item in value) + "]"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
