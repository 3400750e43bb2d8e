"""The training report: one HTML file about a model's data, performance and limits.

The file is self-contained, without network access and scripts, and contains no row's values. Equal
predictors give equal bytes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from model.evaluation.report.bootstrap import bootstrap_intervals
from model.evaluation.report.charts import (
    features_picture,
    loss_picture,
    predicted_against_true,
    reliability,
    residuals,
)
from model.evaluation.report.curves import curves
from model.evaluation.report.html import (
    Picture,
    Section,
    box,
    bullets,
    decimal,
    display_name,
    heading,
    page,
    paragraph,
    percent,
    percents,
    side_by_side,
    table,
    text_block,
)
from model.evaluation.report.model_card import (
    card_table,
    data_table,
    features_table,
    limits_of_evidence,
    purpose,
    recipe_text,
)
from model.evaluation.report.tables import (
    confusion_tables,
    hardest_rows,
    key_figures,
    operating_points,
    threshold_table,
)
from model.metrics.threshold_metrics import binary_matrix, metrics_at_threshold
from model.prediction.predictor import Predictor
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression
from model.training.fitting.history import History

MAX_PICTURE_BYTES = 800_000  # of a PNG; base64 adds a third
NO_LIMITS = "The recipe states no limits. This does not mean that there are none."
TRAINING_ROWS = (
    "The model was trained on the training rows: their metrics show how well it fits them, not how "
    "well it predicts new rows."
)
INTERVALS = (
    "A 95 % interval contains the true value in 95 of 100 samples of such rows. Intervals of "
    "shares are Wilson intervals and assume independent rows; other intervals are from 1000 "
    "bootstrap resamples of rows, or of whole groups where the recipe names groups. "
    f"{TRAINING_ROWS}"
)
MACRO_SCORES = (
    "Scores without a threshold are means over the classes or labels, each against all others; "
    "only the log loss of classes is that of the true class."
)


def report(predictor: Predictor, history: History | None, pictures: Mapping[str, bytes]) -> str:
    """Return the HTML of a report.

    Sections that do not apply to the kind of target are left out; missing information is stated.

    Args:
        predictor: The model, with the version of its artifact.
        history: Losses of the training; None if unknown, as for a loaded artifact.
        pictures: PNG files by name. Only `features` is used; an artifact has no rows to draw it.
    """
    target, rows = predictor.schema.target, predictor.validation
    intervals = {}
    if isinstance(target, Binary) and len(rows.targets):
        intervals = bootstrap_intervals(rows)
    sections = [
        Section("Data", [data_table(predictor)]),
        Section("Key metrics", list(_metrics(predictor, intervals))),
        Section("Curves", list(_curves(predictor, intervals))),
    ]
    if target.has_threshold:
        parts = [operating_points(predictor), threshold_table(predictor)]
        sections.append(Section("Thresholds", parts))
    if len(rows.targets):
        sections.append(Section("Rows with the largest losses", _hardest(predictor)))
    sections += [
        Section("Training", _training(predictor, history)),
        Section("Features", list(_features(predictor, pictures.get("features")))),
        Section("Model card", [card_table(predictor)]),
        Section("Limits of the evidence", [bullets(limits_of_evidence(predictor))]),
        Section("Reproducibility", list(_reproducibility(predictor))),
    ]
    shown = [section for section in sections if section.parts]
    return page(f"Report: {predictor.title}", list(_lead(predictor)), shown)


def _lead(predictor: Predictor) -> Iterator[str]:
    facts = predictor.facts
    if facts.get("description"):
        yield f'<div class="lead">{paragraph(facts["description"])}</div>'
    yield paragraph(f"{purpose(predictor.schema.target)}. {_summary(predictor)}")
    use = facts.get("intended_use") or "The recipe states no intended use."
    limits = facts.get("limits") or []
    yield box(
        "Intended use and limits",
        [paragraph(use), bullets(limits) if limits else paragraph(NO_LIMITS)],
    )


def _summary(predictor: Predictor) -> str:
    """State the most important metrics in a sentence or two."""
    target, rows = predictor.schema.target, predictor.validation
    if not len(rows.targets):
        return "There are no validation rows."
    metrics = metrics_at_threshold(target, rows, predictor.threshold)
    if isinstance(target, Binary):
        matrix = binary_matrix(rows, predictor.threshold)
        (hits, positives), (rejections, negatives) = (
            matrix.proportions()[name] for name in ("sensitivity", "specificity")
        )
        intervals = metrics["intervals"]
        return (
            f"At threshold {predictor.threshold:g} it classifies correctly {hits} of {positives} "
            f"{target.positive} validation rows (sensitivity {percent(metrics['sensitivity'])}, "
            f"95 % interval {percents(intervals['sensitivity'])}) and {rejections} of {negatives} "
            f"{target.negative} validation rows (specificity {percent(metrics['specificity'])}, "
            f"95 % interval {percents(intervals['specificity'])})."
        )
    if isinstance(target, Regression):
        errors = metrics["outputs"][target.outputs[0]]
        unit = f" {target.unit}" if target.unit else ""
        return (
            f"On {metrics['rows']} validation rows the mean absolute error of {target.outputs[0]} "
            f"is {errors['mean_absolute_error']:.4g}{unit}."
        )
    name, result = "exact_match", "All labels are correct"
    if isinstance(target, MultiClass):
        name, result = "accuracy", "The predicted class is correct"
    return (
        f"{result} in {percent(metrics[name])} of {metrics['rows']} validation rows (95 % interval "
        f"{percents(metrics['intervals'][name])})."
    )


def _metrics(predictor: Predictor, intervals: Mapping[str, Any]) -> Iterator[str]:
    target = predictor.schema.target
    yield from key_figures(predictor, intervals)
    yield paragraph(INTERVALS)
    if isinstance(target, MultiClass | MultiLabel):
        yield paragraph(MACRO_SCORES)
    if out_of_bag := predictor.facts.get("out_of_bag"):
        scores = ", ".join(
            f"{display_name(name)} {decimal(value)}" for name, value in out_of_bag["scores"].items()
        )
        yield paragraph(
            f"Out-of-bag scores of {out_of_bag['rows']} training rows, each predicted only by the "
            f"ensemble members that were not trained on it: {scores}."
        )
    if not isinstance(target, Regression):
        yield heading("Confusion matrices" if isinstance(target, Binary) else "By class or label")
        tables = list(confusion_tables(predictor))
        yield from [side_by_side(tables)] if isinstance(target, Binary) else tables


def _curves(predictor: Predictor, intervals: Mapping[str, Any]) -> Iterator[str]:
    target, rows = predictor.schema.target, predictor.validation
    pictures: list[Picture] = []
    if isinstance(target, Binary):
        if rows.targets.all() or not rows.targets.any():
            yield paragraph("There are no curves: they need validation rows of both classes.")
            return
        pictures = curves(target, rows, intervals, predictor.threshold)
        yield paragraph("All curves are of the validation rows.")
    elif isinstance(target, MultiClass) and len(rows.targets):
        correct = rows.predictions.argmax(axis=1) == rows.targets[:, 0]
        highest = rows.predictions.max(axis=1)
        axes = "probability of the predicted class", "share of rows classified correctly"
        pictures = [reliability(correct, highest, probability=axes[0], share=axes[1])]
    elif isinstance(target, Regression) and len(rows.targets):
        for column, output in enumerate(target.outputs):
            name = f"{output} ({target.unit})" if target.unit else output
            pair = rows.targets[:, column], rows.predictions[:, column]
            pictures += [predicted_against_true(*pair, name), residuals(*pair, name)]
    if pictures:
        yield side_by_side(picture.html for picture in pictures)


def _hardest(predictor: Predictor) -> list[str]:
    advice = (
        "Look up these rows in the validation part of the table. A large loss is an error of the "
        "model, an incorrect true value in the table, or a case that the features cannot "
        "distinguish. The values of rows are not part of this report."
    )
    return [paragraph(advice), hardest_rows(predictor)]


def _training(predictor: Predictor, history: History | None) -> list[str]:
    if history is None:
        return [paragraph("The loss by epoch is not shown: it is not part of the artifact.")]
    return [loss_picture(history, predictor.network.loss.name).html]


def _features(predictor: Predictor, picture: bytes | None) -> Iterator[str]:
    yield features_table(predictor)
    if picture is None:
        yield paragraph("Distributions are not shown: the rows are not part of the artifact.")
    elif len(picture) > MAX_PICTURE_BYTES:
        yield paragraph("Distributions are not shown: the picture is too large for this file.")
    else:
        yield features_picture(picture, predictor.schema.names).html


def _reproducibility(predictor: Predictor) -> Iterator[str]:
    facts = predictor.facts
    recipe = facts.get("recipe") or {}
    seed = (recipe.get("training") or {}).get("seed", 0)
    versions = [("seed", seed), *(facts.get("versions") or {}).items()]
    yield table("Seed and versions used for training", ("", "value"), versions)
    yield heading("Network")
    yield text_block("Network", predictor.network.summary())
    if recipe:
        yield heading("Recipe")
        yield paragraph("Without the features, which are listed under Features.")
        yield text_block("Recipe", recipe_text(recipe))
    if predictor.version:
        yield paragraph(f"Version (SHA-256 of the artifact): {predictor.version}")
