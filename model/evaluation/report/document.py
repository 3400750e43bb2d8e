"""The training report: one HTML file for those who must decide whether to trust a model.

It needs nothing beside itself, no network and no scripts, and tells no row's values. The same
predictor gives the same bytes.
"""

from collections.abc import Iterator, Mapping

from model.evaluation.report.bootstrap import Resampled, resampled
from model.evaluation.report.curves import curves
from model.evaluation.report.figures import (
    features_picture,
    loss_picture,
    predicted_against_true,
    reliability,
    residuals,
)
from model.evaluation.report.html import (
    Picture,
    Section,
    box,
    bullets,
    decimal,
    heading,
    page,
    paragraph,
    percent,
    percents,
    side_by_side,
    spoken,
    table,
    text_block,
)
from model.evaluation.report.model_card import (
    card_table,
    data_table,
    features_table,
    purpose,
    recipe_text,
    unsaid,
)
from model.evaluation.report.tables import (
    confusion_tables,
    hardest_rows,
    key_figures,
    operating_points,
    sweep,
)
from model.metrics.threshold_metrics import binary_matrix, metrics_at_threshold
from model.prediction.predictor import Predictor
from model.prediction.target import Binary, MultiClass, Regression
from model.training.fitting.history import History

LARGEST_PICTURE = 800_000  # bytes of a picture given; base64 adds a third
NO_LIMITS = "The recipe tells no limits. That does not mean that there are none."
HOW_INTERVALS = (
    "An interval holds the true value in 95 of 100 samples of such rows: of shares it is Wilson's, "
    "if the rows are independent; of scores by resampling 500 times, whole groups where there are "
    "any. The model has seen the training rows: their figures say what it learned, not what it "
    "will do."
)
HOW_ERRORS = (
    "Intervals hold in 95 of 100 samples of such rows, if the rows are independent. The model has "
    "seen the training rows: their figures say what it learned, not what it will do."
)


def report(predictor: Predictor, history: History | None, pictures: Mapping[str, bytes]) -> str:
    """The report's HTML. predictor: as loaded from its artifact, or with the version it got.

    history: of the training, None where it is not known. pictures: PNG by name, of which
    `features` is shown: an artifact holds no rows to draw it from. What is unknown, or does not
    apply to the kind of target, is left out; the first is said.
    """
    target, rows = predictor.schema.target, predictor.validation
    drawn = None
    if isinstance(target, Binary) and 0 < rows.targets.sum() < len(rows.targets):
        drawn = resampled(rows.targets[:, 0], rows.predictions[:, 0], rows.groups)
    sections = [
        Section("Data", [data_table(predictor)]),
        Section("Key figures", list(_figures(predictor, drawn))),
        Section("Curves", list(_curves(predictor, drawn))),
    ]
    if target.has_threshold:
        sections.append(Section("Thresholds", [operating_points(predictor), sweep(predictor)]))
    if len(rows.targets):
        sections.append(Section("Hardest rows", _hardest(predictor)))
    sections += [
        Section("Training", _training(predictor, history)),
        Section("Features", list(_features(predictor, pictures.get("features")))),
        Section("Model card", [card_table(predictor)]),
        Section("What the data cannot say", [bullets(unsaid(predictor))]),
        Section("Making it again", list(_origin(predictor))),
    ]
    shown = [section for section in sections if section.parts]
    return page(f"Report: {predictor.title}", list(_lead(predictor)), shown)


def _lead(predictor: Predictor) -> Iterator[str]:
    facts = predictor.facts
    if facts.get("description"):
        yield f'<div class="lead">{paragraph(facts["description"])}</div>'
    yield paragraph(f"{purpose(predictor.schema.target)}. {_in_short(predictor)}")
    use = facts.get("intended_use") or "The recipe does not say what the model is for."
    limits = facts.get("limits") or []
    yield box(
        "What it is for, and its limits",
        [paragraph(use), bullets(limits) if limits else paragraph(NO_LIMITS)],
    )


def _in_short(predictor: Predictor) -> str:
    """The most important figures in a sentence or two."""
    target, rows = predictor.schema.target, predictor.validation
    if not len(rows.targets):
        return "There are no validation rows."
    told = metrics_at_threshold(target, rows, predictor.threshold)
    if isinstance(target, Binary):
        matrix = binary_matrix(rows, predictor.threshold)
        (found, positives), (left, negatives) = (
            matrix.proportions()[name] for name in ("sensitivity", "specificity")
        )
        spans = told["intervals"]
        return (
            f"At threshold {predictor.threshold:g} it finds {found} of {positives} validation rows "
            f"that are {target.positive} (sensitivity {percent(told['sensitivity'])}, 95 % "
            f"interval {percents(spans['sensitivity'])}), and leaves alone {left} of {negatives} "
            f"that are {target.negative} (specificity {percent(told['specificity'])}, "
            f"{percents(spans['specificity'])})."
        )
    if isinstance(target, Regression):
        errors = told["outputs"][target.outputs[0]]
        unit = f" {target.unit}" if target.unit else ""
        return (
            f"On {told['rows']} validation rows {target.outputs[0]} is off by "
            f"{errors['mean_absolute_error']:.4g}{unit} on average."
        )
    name, words = "exact_match", "tells every label right"
    if isinstance(target, MultiClass):
        name, words = "accuracy", "is right"
    return (
        f"It {words} in {percent(told[name])} of {told['rows']} validation rows (95 % interval "
        f"{percents(told['intervals'][name])})."
    )


def _figures(predictor: Predictor, drawn: Resampled | None) -> Iterator[str]:
    target = predictor.schema.target
    yield from key_figures(predictor, drawn.intervals if drawn else None)
    yield paragraph(HOW_ERRORS if isinstance(target, Regression) else HOW_INTERVALS)
    if out_of_bag := predictor.facts.get("out_of_bag"):
        told = (f"{spoken(name)} {decimal(value)}" for name, value in out_of_bag["scores"].items())
        yield paragraph(
            "On training rows out of bag, each told by the members that have not learned from it "
            f"({out_of_bag['rows']} rows): {', '.join(told)}."
        )
    if not isinstance(target, Regression):
        yield heading("Confusion matrices" if isinstance(target, Binary) else "One by one")
        tables = list(confusion_tables(predictor))
        yield from [side_by_side(tables)] if isinstance(target, Binary) else tables


def _curves(predictor: Predictor, drawn: Resampled | None) -> Iterator[str]:
    target, rows = predictor.schema.target, predictor.validation
    found: list[Picture] = []
    if isinstance(target, Binary):
        if drawn is None:
            yield paragraph("There are none: they need validation rows of both classes.")
            return
        found = curves(target, rows, drawn, predictor.threshold)
        yield paragraph("All curves are of validation rows.")
    elif isinstance(target, MultiClass) and len(rows.targets):
        right = rows.predictions.argmax(axis=1) == rows.targets[:, 0]
        highest = rows.predictions.max(axis=1)
        told, share = "probability of the class called", "share that is that class"
        found = [reliability(right, highest, told=told, share=share)]
    elif isinstance(target, Regression) and len(rows.targets):
        for place, output in enumerate(target.outputs):
            shown = f"{output} ({target.unit})" if target.unit else output
            pair = rows.targets[:, place], rows.predictions[:, place]
            found += [predicted_against_true(*pair, shown), residuals(*pair, shown)]
    if found:
        yield side_by_side(picture.html for picture in found)


def _hardest(predictor: Predictor) -> list[str]:
    advice = (
        "Look these up in your own table: each is an error of the model, of the label, or a case "
        "that the features cannot tell. Their values are not shown here."
    )
    return [paragraph(advice), hardest_rows(predictor)]


def _training(predictor: Predictor, history: History | None) -> list[str]:
    if history is None:
        return [paragraph("The loss over the epochs is not shown: an artifact does not hold it.")]
    return [loss_picture(history, predictor.network.loss.name).html]


def _features(predictor: Predictor, picture: bytes | None) -> Iterator[str]:
    yield features_table(predictor)
    if picture is None:
        yield paragraph("Their distributions are not shown: an artifact does not hold its rows.")
    elif len(picture) > LARGEST_PICTURE:
        yield paragraph("The picture of their distributions is too large for this file.")
    else:
        yield features_picture(picture, predictor.schema.names).html


def _origin(predictor: Predictor) -> Iterator[str]:
    facts = predictor.facts
    recipe = facts.get("recipe") or {}
    seed = (recipe.get("training") or {}).get("seed", 0)
    versions = [("seed of the training", seed), *(facts.get("versions") or {}).items()]
    yield table("Seed, and versions that trained it", ("", "value"), versions)
    yield heading("Network")
    yield text_block("Network", predictor.network.summary())
    if recipe:
        yield heading("Recipe")
        yield paragraph("Without its features, which are told above.")
        yield text_block("Recipe", recipe_text(recipe))
    if predictor.version:
        yield paragraph(f"Version, the SHA-256 of the artifact: {predictor.version}")
