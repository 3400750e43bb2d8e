"""The training report: one HTML file about a model's data, performance and limits.

The file is self-contained, without network access and scripts, and contains no row's values. Equal
predictors give equal bytes. Its texts are in the folder templates.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from model.evaluation.global_explanation import global_explanation
from model.evaluation.report.bootstrap import bootstrap_intervals
from model.evaluation.report.charts import (
    features_picture,
    loss_picture,
    predicted_against_true,
    reliability,
    residuals,
)
from model.evaluation.report.curves import curves
from model.evaluation.report.descriptions import features_table, purpose, recipe_text
from model.evaluation.report.elements import Picture, decimal, display_name, percent, percents
from model.evaluation.report.explanation import (
    dependence_picture,
    interactions_table,
    sizes_table,
    swarm,
)
from model.evaluation.report.findings import (
    baselines_table,
    importance_table,
    subgroups_table,
)
from model.evaluation.report.tables import (
    MAX_CLASSES,
    confusion_tables,
    hardest_rows,
    key_tables,
    threshold_tables,
)
from model.metrics.threshold_metrics import metrics_at_threshold
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import Binary, MultiClass, Regression
from model.training.fitting.loop import TrainingResult


def report(
    predictor: Predictor, outcome: TrainingResult | None, pictures: Mapping[str, bytes]
) -> str:
    """Return the HTML of a report.

    Sections that do not apply to the kind of target are left out; missing information is stated.

    Args:
        predictor: The model, with the version of its artifact.
        outcome: Result of the training; None if unknown, as for a loaded artifact.
        pictures: PNG files by name, of which `loss` and `features` are used; an artifact has no
            rows and no history to draw them.
    """
    return str(_template().render(_shown(predictor, outcome, pictures)))


@cache
def _template() -> Any:
    import jinja2  # not at the top: only the report needs it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("model.evaluation.report"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # an artifact may lack any of the facts
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats = {"decimal": decimal, "percent": percent, "percents": percents}
    environment.globals |= formats | {"display_name": display_name, "number": "{:g}".format}
    return environment.get_template("report.html")


def _shown(
    predictor: Predictor, outcome: TrainingResult | None, pictures: Mapping[str, bytes]
) -> dict[str, Any]:
    """Return what the templates show, by name."""
    schema, network, facts = predictor.schema, predictor.network, predictor.facts
    target, rows = schema.target, predictor.validation
    final, names = "validation" if predictor.test is None else "test", predictor.part_names
    data, recipe = facts.get("data") or {}, facts.get("recipe") or {}
    counts = data.get("rows_of", {})
    if isinstance(target, Binary) and "positives" in data:
        positives = data["positives"]
        counts = {target.negative: data["rows_used"] - positives, target.positive: positives}
    intervals: dict[str, dict[str, Any]] = {"validation": {}}
    for name, part in predictor.parts.items():
        if isinstance(target, Binary) and len(part.targets) and name != "train":
            intervals[name] = bootstrap_intervals(part)
    columns = (recipe.get("data") or {}).get("target", target.names)
    return {
        "title": predictor.title,
        "name": predictor.name,
        "version": predictor.version,
        "purpose": purpose(target),
        "task": "regression" if isinstance(target, Regression) else target.task,
        "target": target.model_dump(),
        "target_columns": [columns] if isinstance(columns, str) else columns,
        "threshold": predictor.threshold,
        "unknown": "Not recorded in the artifact.",
        "facts": facts,
        "data": data,
        "data_counts": counts,
        "leaves_labels_out": "" in ((recipe.get("data") or {}).get("labels") or {}).values(),
        "recipe": recipe,
        "recipe_text": recipe_text(recipe),
        "parts": {names[n]: _counts(target, p) for n, p in predictor.parts.items()},
        "train": _counts(target, predictor.train),
        "validation": _counts(target, rows),
        "final_name": names[final],
        "validation_name": names["validation"],
        "final": _counts(target, predictor.parts[final]),
        "metrics": metrics_at_threshold(target, predictor.parts[final], predictor.threshold),
        "key_tables": key_tables(predictor, intervals),
        "class_tables": list(confusion_tables(predictor)),
        "max_classes": MAX_CLASSES,
        "curves": _curves(predictor, intervals["validation"]),
        "threshold_tables": threshold_tables(predictor) if target.has_threshold else [],
        "hardest": hardest_rows(predictor) if len(rows.targets) else None,
        **_findings(predictor),
        **_explanation(predictor),
        "loss": loss_picture(pictures["loss"], outcome) if outcome else None,
        "loss_name": network.loss.name,
        "network": network.summary(),
        "parameters": network.layout.size,
        "members": len(predictor.theta) if predictor.theta.ndim > 1 else None,
        "calibration": predictor.calibration and predictor.calibration.method,
        "features": features_table(predictor),
        "feature_count": len(schema.features),
        "optional": [feature.name for feature in schema.features if feature.may_be_missing],
        "transforms": [
            f"{transform} of {name}"
            for name, transform in zip(schema.names, predictor.encoder.transforms, strict=True)
            if transform
        ],
        "distributions": (
            features_picture(pictures["features"], schema.names) if "features" in pictures else None
        ),
    }


def _findings(predictor: Predictor) -> dict[str, Any]:
    """Return the notices, and the tables of the examination; None for an older artifact."""
    found = predictor.facts.get("examination")
    tables = {"baselines": baselines_table, "importance": importance_table}
    return {
        "notices": predictor.facts.get("notices") or [],
        "subgroups": found and subgroups_table(predictor, found),
        **{name: found and table(predictor, found) for name, table in tables.items()},
    }


def _explanation(predictor: Predictor) -> dict[str, Any]:
    """Return what the model does on the whole; empty for a model that keeps no training rows."""
    found = global_explanation(predictor)
    if found is None:
        return {}
    return {
        "shapley": sizes_table(predictor, found),
        "interactions": interactions_table(predictor, found),
        "explained": [
            picture
            for picture in (swarm(predictor, found), dependence_picture(predictor, found))
            if picture is not None
        ],
    }


def _counts(target: Any, scored: ScoredRows) -> dict[str, int]:
    positives = int(scored.targets.sum()) if isinstance(target, Binary) else 0
    return {"rows": len(scored.targets), "positives": positives}


def _curves(predictor: Predictor, intervals: Mapping[str, Any]) -> list[Picture]:
    target, rows = predictor.schema.target, predictor.validation
    if not len(rows.targets):
        return []
    if isinstance(target, Binary):
        both = rows.targets.any() and not rows.targets.all()
        return curves(target, predictor, intervals) if both else []
    pictures: list[Picture] = []
    if isinstance(target, MultiClass):
        correct = rows.predictions.argmax(axis=1) == rows.targets[:, 0]
        highest = rows.predictions.max(axis=1)
        axes = "probability of the predicted class", "share of rows classified correctly"
        pictures = [reliability(correct, highest, probability=axes[0], share=axes[1])]
    elif isinstance(target, Regression):
        for column, output in enumerate(target.outputs):
            name = f"{output} ({target.unit})" if target.unit else output
            pair = rows.targets[:, column], rows.predictions[:, column]
            part = predictor.part_names["validation"]
            pictures += [
                predicted_against_true(*pair, name, part),
                residuals(*pair, name, part),
            ]
    return pictures
