"""Model card: the metadata of a model as Markdown."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from model.prediction.facts import validates_out_of_bag
from model.prediction.schema import levels_text


def markdown_card(description: Mapping[str, Any]) -> str:
    """Return the model card for the answer of GET /model."""
    return "\n".join(_lines(description)) + "\n"


def _lines(description: Mapping[str, Any]) -> Iterator[str]:
    schema = description["schema"]
    yield f"# Model card: {description['name']}"
    if description["description"]:
        yield from ("", str(description["description"]))
    yield from (
        "",
        f"{_purpose(schema['target'])}, given {len(schema['features'])} features of one case.",
    )
    yield from ("", f"- Model: `{description['title']}`", f"- Version: `{description['version']}`")
    if description["intended_use"]:
        yield from ("", "## Intended use", "", str(description["intended_use"]))
    if description["limits"]:
        yield from ("", "## Limits", "")
        yield from (f"- {limit}" for limit in description["limits"])

    yield from ("", "## Features", "")
    yield from _table(
        ("Feature", "Type", "From", "To", "Unit", "May be missing", "Description"),
        (
            (
                f"`{feature['name']}`",
                ", ".join(feature["categories"]) or feature["type"],
                _number(feature["minimum"]),
                _number(feature["maximum"]),
                feature["unit"] or "",
                "yes" if feature["may_be_missing"] else "no",
                _shown(feature),
            )
            for feature in schema["features"]
        ),
    )

    if description["operating_points"]:
        label = schema["target"].get("positive", "of a label")
        yield from ("", "## Operating points", "")
        yield (
            f"A case is {label} when its probability is above the threshold. "
            f"The active threshold is {_number(description['threshold'])}."
        )
        yield ""
        yield from _table(("Name", "Threshold"), description["operating_points"].items())

    recipe = dict(description["recipe"] or {})
    recipe.pop("features", None)  # already in the table above
    is_out_of_bag = description["out_of_bag"] and validates_out_of_bag({"recipe": recipe})
    for heading, facts in (
        ("Scores on validation rows", None if is_out_of_bag else description["scores"]),
        ("Out-of-bag scores on training rows", description["out_of_bag"]),
        ("Data", description["data"]),
        ("Network", description["network"]),
        ("Recipe", recipe),
        ("Versions", description["versions"]),
    ):
        if facts:
            yield from ("", f"## {heading}", "")
            yield from _table(("", "Value"), _flat(facts))


def _shown(feature: Mapping[str, Any]) -> str:
    """Return a feature's label, its description and the texts of its levels, in one line."""
    label, description = feature.get("label"), feature["description"]
    levels = levels_text(feature.get("levels", {}))
    return " ".join(filter(None, (label and f"**{label}.**", description, levels)))


def _purpose(target: Mapping[str, Any]) -> str:
    """Return what a model of this target predicts, as the first part of a sentence."""
    if target["task"] == "binary":
        return f"Distinguishes **{target['positive']}** from **{target['negative']}**"
    if target["task"] == "multi_class":
        return f"Predicts one class of {', '.join(target['classes'])}"
    if target["task"] == "multi_label":
        return f"Predicts which labels apply of {', '.join(target['labels'])}"
    unit = f" in {target['unit']}" if target["unit"] else ""
    return f"Predicts {', '.join(target['outputs'])}{unit}"


def _flat(facts: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested data as rows of a dotted name and a value."""
    items: Iterable[tuple[Any, Any]]
    if isinstance(facts, Mapping):
        items = facts.items()
    elif isinstance(facts, list) and any(isinstance(each, Mapping | list) for each in facts):
        items = enumerate(facts, start=1)
    else:
        yield prefix, facts
        return
    for name, value in items:
        yield from _flat(value, f"{prefix}.{name}" if prefix else str(name))


def _table(headers: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    headers = tuple(headers)
    yield _row(headers)
    yield _row("---" for _ in headers)
    yield from (_row(map(_cell, row)) for row in rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    text = ", ".join(map(_number, value)) if isinstance(value, list) else _number(value)
    return " ".join(text.replace("|", "\\|").split())


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
