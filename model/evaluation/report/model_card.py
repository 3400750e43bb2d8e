"""What the report says about a model beside its figures: data, model card, recipe.

The card follows the items of TRIPOD+AI that a program can answer (Collins et al. 2024, BMJ 385,
e078378).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model.evaluation.report.html import folded, percent, table
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

UNTOLD = "The artifact does not say."
MOST_NAMES = 12
MOST_FEATURES = 30  # that are shown unasked
ENOUGH = 100  # rows of each class


def purpose(target: Target) -> str:
    """What a model of this target does, in a sentence."""
    if isinstance(target, Binary):
        return f"It tells {target.positive} from {target.negative}"
    if isinstance(target, MultiClass):
        return f"It tells which one a row is of {_some(target.classes)}"
    if isinstance(target, MultiLabel):
        return f"It tells which apply to a row of {_some(target.labels)}"
    unit = f" in {target.unit}" if target.unit else ""
    return f"It predicts {', '.join(target.outputs)}{unit}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def data_table(predictor: Predictor) -> str:
    """What the rows were, and how they were split."""
    data, recipe = predictor.facts.get("data") or {}, predictor.facts.get("recipe") or {}
    split, group = recipe.get("split") or {}, (recipe.get("data") or {}).get("group")
    rows: list[tuple[str, Any]] = [("file", data.get("file", UNTOLD))]
    if "rows" in data:
        used = data["rows_used"]
        rows += [
            ("rows in it", data["rows"]),
            ("left out: a value is missing", data["rows"] - used),
        ]
        rows.append(("rows used", used))
        counts = dict(data.get("rows_of", {}))
        if isinstance(predictor.schema.target, Binary) and "positives" in data:
            target, positives = predictor.schema.target, data["positives"]
            counts = {target.negative: used - positives, target.positive: positives}
        rows += [(f"of them {name}", _share_of(count, used)) for name, count in counts.items()]
    rows += [
        ("training rows", _part(predictor.schema.target, predictor.train)),
        ("validation rows", _part(predictor.schema.target, predictor.validation)),
    ]
    if "sampled" in data:
        rows.append(("these parts", f"samples: it was trained on {data['trained_on']} rows"))
    if split:
        rows.append(("split", _split(predictor.schema.target, split)))
        kept = (
            f"rows of one {group} are never on both sides" if group else "none: each row by itself"
        )
        rows.append(("groups", kept))
    return table("The rows", ("", "what there is"), rows, prose=True)


def features_table(predictor: Predictor) -> str:
    """What it must be given, and what stands in for a missing value."""
    fills = predictor.encoder.fill.tolist()
    rows = [
        (
            (feature.name, feature.description or ""),
            feature.rule,
            feature.unit or "–",
            feature.spelled(fill) if feature.may_be_missing else "–",
        )
        for feature, fill in zip(predictor.schema.features, fills, strict=True)
    ]
    heads = ("feature", "rule", "unit", "stands in where missing")
    told = table(f"Features ({len(rows)})", heads, rows, prose=True)
    return folded(f"Show all {len(rows)}", told) if len(rows) > MOST_FEATURES else told


def unsaid(predictor: Predictor) -> Iterator[str]:
    """What the rows and figures cannot say, a sentence each."""
    target, rows = predictor.schema.target, predictor.validation
    recipe = predictor.facts.get("recipe") or {}
    yield (
        "How it does elsewhere: all figures are of rows from one table. That needs rows of another "
        "place and time (external validation)."
    )
    yield (
        "Whether it is as good for each group of people: the artifact holds no such groups, so no "
        "fairness is measured here."
    )
    if not isinstance(target, Regression):
        yield (
            "What its predictive values are where the outcome is rarer or more frequent than in "
            "these rows: they change with its frequency."
        )
    if not (recipe.get("data") or {}).get("group"):
        yield (
            "Whether rows belong together: the intervals take each row to be independent, and are "
            "too narrow where several rows are of the same patient."
        )
    if isinstance(target, Binary):
        positives = int(rows.targets.sum())
        counts = {target.positive: positives, target.negative: len(rows.targets) - positives}
        for name, count in counts.items():
            if count < ENOUGH:
                yield (
                    f"Anything precise about rows that are {name}: {count} validate, and at least "
                    f"{ENOUGH} of each class are commonly asked for (Vergouwe et al. 2005)."
                )
    if (recipe.get("scaling") or {}).get("fit_on") == "all":
        yield (
            "How it does on rows it knows nothing of: the scaling was fitted on the validation "
            "rows too, so that their figures flatter it."
        )
    if (recipe.get("training") or {}).get("early_stopping"):
        yield (
            "How it does on rows that had no say: the validation rows decided when the training "
            "stopped, so that their figures flatter it."
        )


def card_table(predictor: Predictor) -> str:
    """The model card."""
    facts, target, network = predictor.facts, predictor.schema.target, predictor.network
    recipe = facts.get("recipe") or {}
    data, scaling = recipe.get("data") or {}, recipe.get("scaling") or {}
    missing = {
        "drop": "Rows with a missing value were left out of training and validation.",
        "median": "The training rows' median stands in (of categories the mode).",
        "mode": "The training rows' mode stands in.",
    }.get(data.get("missing", ""), UNTOLD)
    optional = [each.name for each in predictor.schema.features if each.may_be_missing]
    if optional:
        missing += f" When it predicts, these may be missing: {', '.join(optional)}."
    weights = data.get("class_weight") or "none: each row counts alike"
    columns = data.get("target", list(target.names))
    columns = columns if isinstance(columns, str) else ", ".join(columns)
    rows = [
        ("Title (1)", f"{predictor.name}, version {predictor.version or 'not saved yet'}"),
        ("Purpose (3)", facts.get("description") or UNTOLD),
        ("Intended use (3, 27)", facts.get("intended_use") or UNTOLD),
        (
            "Source of data (5)",
            f"{data.get('file', 'a file that the artifact does not name')}; see "
            "Data above. Places, dates and how rows came about are told where the file comes from.",
        ),
        ("Participants (6)", f"{UNTOLD} See the limits."),
        ("Data preparation (7)", _preparation(predictor, scaling)),
        ("Outcome (8)", f"{purpose(target)}; the truth is in {columns}."),
        ("Predictors (9)", f"{len(predictor.schema.features)} features, listed under Features."),
        (
            "Sample size (10)",
            f"{len(predictor.train.targets)} training and "
            f"{len(predictor.validation.targets)} validation rows in this report; it was not "
            "worked out beforehand.",
        ),
        ("Missing data (11)", missing),
        (
            "Model (12, 22)",
            f"Neural network with {network.layout.size:,} parameters, minimizing "
            f"{network.loss.name.replace('_', ' ')}; its layers are below, its weights are in the "
            "artifact.",
        ),
        (
            "Class imbalance (13)",
            f"Class weights: {weights}."
            if not isinstance(target, Regression)
            else "Does not apply: numbers have no classes.",
        ),
        ("Calibration and decisions (12, 15)", _decisions(predictor)),
        ("Fairness (14)", "Not measured."),
        ("Model output (15)", _output(predictor)),
        ("Training against evaluation (16)", "Both are parts of one table; see Data above."),
        ("Code (18)", "malignancy, MIT licence; the recipe below makes the model again."),
        ("Performance (23)", "See Key figures; there was no external validation."),
        ("Limits (26)", " ".join(facts.get("limits") or []) or UNTOLD),
    ]
    title = "Model card, by the items of TRIPOD+AI (in brackets) that a program can answer"
    return table(title, ("item", "what is known"), rows, prose=True)


def _decisions(predictor: Predictor) -> str:
    """Of an ensemble, how its members vote; a calibration; a band to refer."""
    theta, calibration, target = predictor.theta, predictor.calibration, predictor.schema.target
    told = f"The mean of {len(theta)} networks. " if theta.ndim > 1 else ""
    told += (
        "Probabilities are as the network gives them."
        if calibration is None
        else f"Probabilities are calibrated by {calibration.method}."
    )
    if isinstance(target, Binary) and target.refer is not None:
        low, high = target.refer
        told += f" Above {low:g} and up to {high:g} the decision is to refer."
    return "Does not apply." if isinstance(target, Regression) else told


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe as TOML, without its features and what says nothing."""
    told = _told(recipe)
    told.pop("features", None)
    lines = [f"{name} = {_toml(each)}" for name, each in told.items() if not isinstance(each, dict)]
    for name, section in told.items():
        if isinstance(section, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(each)}" for key, each in section.items())]
    return "\n".join(lines)


def _preparation(predictor: Predictor, scaling: Mapping[str, Any]) -> str:
    if not scaling:
        return UNTOLD
    told = f"Scaling {scaling['method']}, fitted on {scaling['fit_on']} rows"
    changed = [
        f"{each} of {name}"
        for name, each in zip(predictor.schema.names, predictor.encoder.transforms, strict=True)
        if each
    ]
    return f"{told}; before it, {', '.join(changed)}." if changed else f"{told}."


def _output(predictor: Predictor) -> str:
    target = predictor.schema.target
    if isinstance(target, Regression):
        return "Numbers."
    if isinstance(target, MultiClass):
        return "A probability of each class; the likeliest one is called."
    return f"Probabilities; positive is strictly above the threshold, {predictor.threshold:g}."


def _split(target: Target, split: Mapping[str, Any]) -> str:
    given = split["validation"]
    if split.get("column"):
        return f"rows whose {split['column']} is {given} validate"
    if isinstance(given, float):
        stratified = split.get("stratify") and isinstance(target, Binary | MultiClass)
        alike = ", of each class alike" if stratified else ""
        return f"{percent(given)} of them validate{alike}, drawn with seed {split.get('seed', 0)}"
    (first, end), (start, stop) = given, split["train"]
    return (
        f"of the rows used, {start} to {stop - 1} train and {first} to {end - 1} validate, from 0"
    )


def _share_of(count: int, rows: int) -> str:
    return f"{count} ({percent(count / rows)})" if rows else str(count)


def _part(target: Target, scored: ScoredRows) -> str:
    rows = len(scored.targets)
    if not isinstance(target, Binary):
        return str(rows)
    positives = int(scored.targets.sum())
    return f"{rows}, of them {target.positive} {_share_of(positives, rows)}"


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {
        name: _told(each) if isinstance(each, Mapping) else each
        for name, each in facts.items()
        if each not in (None, "", [], {})
    }


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml(each)}" for key, each in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return "[\n" + "".join(f"    {_toml(each)},\n" for each in value) + "]"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
