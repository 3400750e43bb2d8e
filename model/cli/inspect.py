"""The command `inspect`: print the contents of an artifact."""

import json
from typing import Any

from rich.table import Table

from model.artifacts import artifact
from model.cli.app import ArtifactArgument, JsonOption, console
from model.cli.findings import print_notices
from model.prediction.predictor import Predictor
from model.prediction.target import Regression


def inspect_command(source: ArtifactArgument, as_json: JsonOption = False) -> None:
    """Print the contents of an artifact: features, network, recipe, data, scores, versions."""
    predictor = artifact.load(source)
    if as_json:
        print(json.dumps(_contents(predictor), indent=2, ensure_ascii=False))
        return
    facts = predictor.facts
    console.print(f"{predictor.name}  {predictor.version}", soft_wrap=True)
    if facts.get("description"):
        console.print(facts["description"])
    console.print(
        _target(predictor), _features(predictor), predictor.network.summary(), "", sep="\n"
    )
    for name, heading in _headings(predictor).items():
        if facts.get(name):
            console.print(_pairs(heading, facts[name]))
    if predictor.operating_points:
        console.print(_pairs("operating points", dict(predictor.operating_points)))
    print_notices(facts.get("notices") or [])
    for limit in facts.get("limits") or []:
        console.print(f"limit: {limit}")


def _contents(predictor: Predictor) -> dict[str, Any]:
    return {
        "name": predictor.name,
        "version": predictor.version,
        "schema": predictor.schema.model_dump(mode="json"),
        "transforms": list(predictor.encoder.transforms),
        "network": {**predictor.network.describe(), "parameters": predictor.network.layout.size},
        "operating_points": dict(predictor.operating_points),
        **predictor.facts,
    }


def _target(predictor: Predictor) -> str:
    target = predictor.schema.target
    unit = f" in {target.unit}" if isinstance(target, Regression) and target.unit else ""
    return f"task {target.task}: {', '.join(target.names)}{unit}"


def _features(predictor: Predictor) -> Table:
    table = Table("feature", "type", "values", "unit", "imputed value", box=None)
    fills = predictor.encoder.fill.tolist()
    for feature, fill in zip(predictor.schema.features, fills, strict=True):
        shown = str(feature.spelled(fill)) if feature.may_be_missing else ""
        table.add_row(feature.name, feature.type, feature.known_values, feature.unit or "", shown)
    return table


def _headings(predictor: Predictor) -> dict[str, str]:
    """Return the headings of facts; out-of-bag scores that validate the model come once."""
    validation = predictor.part_names["validation"]
    scores = {} if validation == "out-of-bag" else {"scores": f"{validation} rows"}
    return {
        "recipe": "recipe",
        "data": "data",
        "out_of_bag": "out-of-bag rows",
        **scores,
        "test": "test rows",
        "versions": "versions",
    }


def _pairs(heading: str, facts: dict[str, Any]) -> Table:
    """Return nested facts under dotted names; lists of features have a table already."""
    table = Table(heading, "", box=None)
    for name, value in _flat(facts):
        if not name.startswith("features"):
            table.add_row(name, f"{value:.6g}" if isinstance(value, float) else str(value))
    return table


def _flat(facts: Any, place: str = "") -> list[tuple[str, Any]]:
    if not isinstance(facts, dict):
        return [(place, facts)]
    pairs = ((f"{place}.{key}" if place else key, value) for key, value in facts.items())
    return [pair for key, value in pairs for pair in _flat(value, key)]
