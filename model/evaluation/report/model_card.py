"""The report's descriptions of a model: data, features, limits, model card and recipe.

The model card follows the items of TRIPOD+AI that a program can answer (Collins et al. 2024, BMJ
385, e078378).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from model.evaluation.report.html import folded, percent, table
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

UNKNOWN = "Not recorded in the artifact."
MAX_NAMES = 12
MAX_FEATURES = 30  # longer tables are collapsed
RECOMMENDED_ROWS = 100  # of each class


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


def data_table(predictor: Predictor) -> str:
    """Return a table of the rows and their split."""
    data, recipe = predictor.facts.get("data") or {}, predictor.facts.get("recipe") or {}
    split, group = recipe.get("split") or {}, (recipe.get("data") or {}).get("group")
    rows: list[tuple[str, Any]] = [("file", data.get("file", UNKNOWN))]
    if "rows" in data:
        used = data["rows_used"]
        rows += [
            ("rows in the file", data["rows"]),
            ("rows dropped for missing values", data["rows"] - used),
        ]
        rows.append(("rows used", used))
        counts = dict(data.get("rows_of", {}))
        if isinstance(predictor.schema.target, Binary) and "positives" in data:
            target, positives = predictor.schema.target, data["positives"]
            counts = {target.negative: used - positives, target.positive: positives}
        rows += [(f"rows used: {name}", _share_of(count, used)) for name, count in counts.items()]
    rows += [
        ("training rows", _part(predictor.schema.target, predictor.train)),
        ("validation rows", _part(predictor.schema.target, predictor.validation)),
    ]
    if "sampled" in data:
        text = f"both parts are samples; the model was trained on {data['trained_on']} rows"
        rows.append(("sampling", text))
    if split:
        rows.append(("split", _split(predictor.schema.target, split)))
        text = f"all rows with the same {group} are in one part" if group else "none"
        rows.append(("groups", text))
    return table("Rows and split", ("", "value"), rows, prose=True)


def features_table(predictor: Predictor) -> str:
    """Return a table of the features, their valid values and imputed values."""
    fills = predictor.encoder.fill.tolist()
    rows = [
        (
            (feature.name, feature.description or ""),
            feature.rule.removeprefix("must be "),
            feature.unit or "–",
            feature.spelled(fill) if feature.may_be_missing else "–",
        )
        for feature, fill in zip(predictor.schema.features, fills, strict=True)
    ]
    heads = ("feature", "valid values", "unit", "value imputed if missing")
    html = table(f"Features ({len(rows)})", heads, rows, prose=True)
    return folded(f"Show all {len(rows)}", html) if len(rows) > MAX_FEATURES else html


def limits_of_evidence(predictor: Predictor) -> Iterator[str]:
    """Yield the limits of what the rows and metrics can show, as sentences."""
    target, rows = predictor.schema.target, predictor.validation
    recipe = predictor.facts.get("recipe") or {}
    yield (
        "Generalization: all metrics come from rows of one table. Performance at other places and "
        "times needs external validation."
    )
    yield (
        "Fairness: the artifact holds no demographic groups, so performance in such groups is not "
        "measured."
    )
    if not isinstance(target, Regression):
        yield (
            "Prevalence: predictive values depend on how frequent the outcome is. They differ "
            "where it is rarer or more frequent than in these rows."
        )
    if not (recipe.get("data") or {}).get("group"):
        yield (
            "Independence: the recipe names no groups, so intervals assume independent rows. They "
            "are too narrow if several rows belong to the same patient."
        )
    if isinstance(target, Binary):
        positives = int(rows.targets.sum())
        counts = {target.positive: positives, target.negative: len(rows.targets) - positives}
        for name, count in counts.items():
            if count < RECOMMENDED_ROWS:
                yield (
                    f"Sample size: there are {count} {name} validation rows; at least "
                    f"{RECOMMENDED_ROWS} of each class are recommended (Vergouwe et al. 2005)."
                )
    if (recipe.get("scaling") or {}).get("fit_on") == "all":
        yield (
            "Data leakage: the scaling was fitted on all rows, including the validation rows, so "
            "their metrics may be too optimistic."
        )
    if (recipe.get("training") or {}).get("early_stopping"):
        yield (
            "Selection: the validation rows determined when training stopped, so their metrics may "
            "be too optimistic."
        )


def card_table(predictor: Predictor) -> str:
    """Return the model card."""
    facts, target, network = predictor.facts, predictor.schema.target, predictor.network
    recipe = facts.get("recipe") or {}
    data, scaling = recipe.get("data") or {}, recipe.get("scaling") or {}
    missing = {
        "drop": "Rows with missing values were dropped from training and validation.",
        "median": "Missing values are imputed with the training rows' median (categories: mode).",
        "mode": "Missing values are imputed with the training rows' mode.",
    }.get(data.get("missing", ""), UNKNOWN)
    optional = [feature.name for feature in predictor.schema.features if feature.may_be_missing]
    if optional:
        missing += f" Features that may be missing in a request: {', '.join(optional)}."
    weights = data.get("class_weight") or "none; all rows have the same weight"
    columns = data.get("target", list(target.names))
    columns = columns if isinstance(columns, str) else ", ".join(columns)
    rows = [
        ("Title (1)", f"{predictor.name}, version {predictor.version or 'not saved yet'}"),
        ("Purpose (3)", facts.get("description") or UNKNOWN),
        ("Intended use (3, 27)", facts.get("intended_use") or UNKNOWN),
        (
            "Source of data (5)",
            f"{data.get('file', 'a file that the artifact does not name')}; see Data. Places, "
            "dates and methods of collection are documented with the source of the file.",
        ),
        ("Participants (6)", f"{UNKNOWN} See the limits."),
        ("Data preparation (7)", _preparation(predictor, scaling)),
        ("Outcome (8)", f"{purpose(target)}; true values are in {columns}."),
        ("Predictors (9)", f"{len(predictor.schema.features)} features; see Features."),
        (
            "Sample size (10)",
            f"{len(predictor.train.targets)} training and "
            f"{len(predictor.validation.targets)} validation rows in this report; the sample size "
            "was not calculated in advance.",
        ),
        ("Missing data (11)", missing),
        (
            "Model (12, 22)",
            f"Neural network with {network.layout.size:,} parameters, trained to minimize "
            f"{network.loss.name.replace('_', ' ')}; see Reproducibility for its layers. The "
            "weights are in the artifact.",
        ),
        (
            "Class imbalance (13)",
            f"Class weights: {weights}."
            if not isinstance(target, Regression)
            else "Does not apply: numeric outcomes have no classes.",
        ),
        ("Calibration and decisions (12, 15)", _decisions(predictor)),
        ("Fairness (14)", "Not measured."),
        ("Model output (15)", _output(predictor)),
        (
            "Training and evaluation data (16)",
            "Training and validation rows are parts of one table; see Data.",
        ),
        (
            "Code (18)",
            "malignancy, MIT licence; training the recipe under Reproducibility gives this model.",
        ),
        ("Performance (23)", "See Key metrics; there was no external validation."),
        ("Limits (26)", " ".join(facts.get("limits") or []) or UNKNOWN),
    ]
    title = "Model card; numbers in brackets are items of TRIPOD+AI"
    return table(title, ("item", "content"), rows, prose=True)


def _decisions(predictor: Predictor) -> str:
    """Describe averaging, calibration and the refer band."""
    theta, calibration, target = predictor.theta, predictor.calibration, predictor.schema.target
    text = f"Predictions are the mean of {len(theta)} networks. " if theta.ndim > 1 else ""
    text += (
        "Probabilities are not recalibrated."
        if calibration is None
        else f"Probabilities are calibrated by the method {calibration.method}."
    )
    if isinstance(target, Binary) and target.refer is not None:
        low, high = target.refer
        text += f" For probabilities above {low:g} and up to {high:g} the decision is “refer”."
    return "Does not apply." if isinstance(target, Regression) else text


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


def _preparation(predictor: Predictor, scaling: Mapping[str, Any]) -> str:
    if not scaling:
        return UNKNOWN
    text = f"Scaling method {scaling['method']}, fitted on {scaling['fit_on']} rows"
    transforms = [
        f"{transform} of {name}"
        for name, transform in zip(
            predictor.schema.names, predictor.encoder.transforms, strict=True
        )
        if transform
    ]
    return f"{text}; transforms before it: {', '.join(transforms)}." if transforms else f"{text}."


def _output(predictor: Predictor) -> str:
    target = predictor.schema.target
    if isinstance(target, Regression):
        return "Numbers."
    if isinstance(target, MultiClass):
        return "A probability for each class; the predicted class is the one with the highest."
    return (
        "Probabilities; the prediction is positive for a probability above the threshold, "
        f"{predictor.threshold:g}."
    )


def _split(target: Target, split: Mapping[str, Any]) -> str:
    validation = split["validation"]
    if split.get("column"):
        return f"rows with {split['column']} = {validation} are validation rows"
    if isinstance(validation, float):
        stratified = split.get("stratify") and isinstance(target, Binary | MultiClass)
        how = ", stratified by class" if stratified else ""
        seed = split.get("seed", 0)
        return f"{percent(validation)} are validation rows, drawn at random{how}, seed {seed}"
    (first, end), (start, stop) = validation, split["train"]
    return (
        f"by row number, from 0: rows {start} to {stop - 1} for training, {first} to {end - 1} for "
        "validation"
    )


def _share_of(count: int, rows: int) -> str:
    return f"{count} ({percent(count / rows)})" if rows else str(count)


def _part(target: Target, scored: ScoredRows) -> str:
    rows = len(scored.targets)
    if not isinstance(target, Binary):
        return str(rows)
    positives = int(scored.targets.sum())
    return f"{rows}, of these {_share_of(positives, rows)} {target.positive}"


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
