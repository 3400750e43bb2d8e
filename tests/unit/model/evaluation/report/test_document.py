"""The training report: self-contained, escaped, reproducible, and with the right metrics."""

import base64
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.html_page import Page
from support.paths import ROOT

from model.artifacts import artifact
from model.evaluation.metrics import scores
from model.evaluation.plots.features import feature_distributions
from model.evaluation.plots.training import loss_curve
from model.evaluation.report.document import report
from model.evaluation.report.elements import decimal, percent, percents
from model.evaluation.report.tables import THRESHOLDS
from model.metrics.row_losses import row_losses
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.train import Trained, train
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import MultiClass
from model.training.fitting.loop import TrainingResult
from model.training.recipes.recipe import load_recipe
from model.training.tables.targets import rows_by_class

KINDS = ("article", "digits", "multi-label", "regression")


def plain(text: str) -> str:
    """Collapse white space as `Page.text` does."""
    return " ".join(text.split())


def train_briefly(name: str, folder: Path) -> Trained:
    path = folder / f"{name}-quick.toml"
    kept = "[explanation]\nrows = 30\n"  # few rows to explain: a report is fast
    path.write_text(f'extends = "{name}"\n[training]\nepochs = 2\nreport_every = 1\n{kept}')
    return train(load_recipe(str(path)))


def pictures(trained: Trained) -> dict[str, bytes]:
    table, schema = trained.table, trained.predictor.schema
    groups = rows_by_class(table.targets, schema.target)
    return {
        "loss": loss_curve(trained.outcome, "loss"),
        "features": feature_distributions(table.rows, groups, schema),
    }


@dataclass
class Reported:
    """A model and its report."""

    predictor: Predictor
    outcome: TrainingResult
    pictures: dict[str, bytes]
    text: str


def reported(trained: Trained, predictor: Predictor) -> Reported:
    drawn = pictures(trained)
    text = report(predictor, trained.outcome, drawn)
    return Reported(predictor, trained.outcome, drawn, text)


@pytest.fixture(scope="module")
def article(trained: Trained, predictor: Predictor) -> Reported:
    return reported(trained, predictor)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """Return a model of each kind of target; all but the article's are trained for 2 epochs."""
    if request.param == "article":
        return request.getfixturevalue("article")  # type: ignore[no-any-return]
    trained = train_briefly(request.param, tmp_path_factory.mktemp("recipes"))
    return reported(trained, trained.predictor)


@pytest.fixture
def _undrawn(few_draws: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Leave out the content of pictures, which take most of the time of a report."""
    monkeypatch.setattr("model.evaluation.plots.files._saved", lambda *_, **__: b"<svg/>")


def test_report_is_well_formed_and_self_contained(kind: Reported) -> None:
    predictor, text = kind.predictor, kind.text
    page = Page(text)
    assert len(text) < 1_500_000
    assert page.having("html") == [{"lang": "en"}]
    assert page.having("script", "link", "iframe", "object", "base", "form") == []
    (policy,) = [each for each in page.having("meta") if "http-equiv" in each]
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for _, attributes in page.tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/"))
    assert "url(" not in text
    assert "@import" not in text
    for limit in predictor.facts["limits"]:
        assert plain(limit) in page.text


def test_headings_links_and_alternative_texts(kind: Reported) -> None:
    page = Page(kind.text)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    places = {each["id"] for each in page.having("h2") if "id" in each}
    links = [str(each["href"])[1:] for each in page.having("a")]
    assert set(links) == places - {"contents"}
    assert len(links) == len(set(links))
    assert len(page.having("table")) == len(page.having("caption"))
    assert all(each.get("scope") in ("row", "col") for each in page.having("th"))
    images = page.having("img")
    assert images
    assert all(len(str(each["alt"])) > 60 for each in images)


def test_report_contains_no_path_and_is_reproducible(kind: Reported, tmp_path: Path) -> None:
    text = kind.text
    decoded = [base64.b64decode(each) for each in re.findall(r"base64,([^\"]+)", text)]
    for place in (ROOT, Path.home(), tmp_path.parent):
        assert f"{place}/" not in text
        assert not any(f"{place}/".encode() in each for each in decoded)
    assert report(kind.predictor, kind.outcome, kind.pictures) == text


def test_report_contains_the_metrics(article: Reported, predictor: Predictor) -> None:
    page = Page(article.text)
    text = page.text
    for scored in (predictor.validation, predictor.train):
        metrics = metrics_at_threshold(predictor.schema.target, scored, 0.5)
        for name, interval in metrics["intervals"].items():
            assert plain(f"{percent(metrics[name])} {percents(interval)}") in text, name
    for value in scores(predictor.schema.target, predictor.validation).values():
        assert decimal(value) in text
    assert "true benign 294 97.0 % 9 3.0 % 303" in text
    assert "true malignant 10 5.1 % 187 94.9 % 197" in text
    for at in THRESHOLDS:
        matrix = metrics_at_threshold(predictor.schema.target, predictor.validation, at)[
            "confusion_matrix"
        ]
        counts = (matrix["true_positive"], matrix["false_negative"], matrix["false_positive"])
        assert f"{at:.2f} {' '.join(map(str, counts))} " in text
    for fact in (
        "rows in the file 699",
        "rows used 683",
        "500, of these 197 (39.4 %) malignant",
        "groups none",
        "default (0.5)",
        "dense(15, relu, lecun_normal)",
        "learning_rate = 0.01",
        f"Report: {predictor.title}",
        predictor.version,
        "there are 41 malignant validation rows; at least 100 of each class",
    ):
        assert fact in text
    assert "not shown" not in text


def test_rows_with_the_largest_losses(article: Reported, predictor: Predictor) -> None:
    page = Page(article.text)
    scored, lines = predictor.validation, predictor.facts["lines"]
    losses = row_losses(predictor.schema.target, scored.targets, scored.predictions)
    rows, p = predictor.validation.targets[:, 0], predictor.validation.predictions[:, 0]
    assert losses.mean() == pytest.approx(predictor.facts["scores"]["log_loss"])
    hardest = np.argsort(-losses, kind="stable")[:10].tolist()
    for row, line in zip(hardest, lines, strict=True):
        label = "malignant" if rows[row] else "benign"
        assert f"{line} {decimal(p[row])} {label} {decimal(losses[row])}" in page.text


def test_pictures_are_reproducible(article: Reported, trained: Trained) -> None:
    assert pictures(trained) == article.pictures


@pytest.mark.usefixtures("_undrawn")
def test_missing_facts_and_rows_are_stated(predictor: Predictor) -> None:
    bare = replace(predictor, facts={}, version="")
    text = Page(report(bare, None, {})).text
    assert "This does not mean that there are none." in text
    assert "not saved yet" in text
    assert "The loss by epoch is not shown" in text
    assert "Distributions are not shown" in text
    one = ScoredRows.ungrouped(np.zeros((3, 1), bool), np.full((3, 1), 0.25))
    text = Page(report(replace(bare, validation=one), None, {})).text
    assert "they need validation rows of both classes" in text
    none = ScoredRows.ungrouped(np.zeros((0, 1), bool), np.zeros((0, 1)))
    assert "There are no validation rows." in report(replace(bare, validation=none), None, {})


@pytest.mark.usefixtures("_undrawn")
def test_out_of_bag_rows_are_named_so(predictor: Predictor) -> None:
    recipe = {"data": {"group": "patient"}, "split": {"validation": "out-of-bag"}}
    facts = {"recipe": recipe, "out_of_bag": {"rows": 9, "scores": {"log_loss": 0.1234}}}
    text = Page(report(replace(predictor, facts=facts), None, {})).text
    rows = len(predictor.validation.targets)
    assert f"Out-of-bag, {rows} rows" in text
    assert f"{rows} out-of-bag rows" in text
    assert "each predicted only by the ensemble members that were not trained on it" in text
    assert "alidation" not in text.replace("there was no external validation", "").replace(
        "needs external validation", ""
    ).replace('validation = "out-of-bag"', "")
    other = replace(predictor, facts={"recipe": {"split": {"column": "set", **recipe["split"]}}})
    assert other.part_names["validation"] == "validation"  # a value of the column


def test_confusion_matrix_of_many_classes_has_narrow_columns(kind: Reported) -> None:
    predictor, text = kind.predictor, kind.text
    is_large = isinstance(predictor.schema.target, MultiClass)
    assert ('class="upright"' in text) == is_large
    assert ("<span>total</span>" in text) == is_large


@pytest.mark.usefixtures("_undrawn")
def test_report_command(program: Any, artifact_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    code, out, err = program("report", artifact_path, "--output", path)
    assert (code, err) == (0, "")
    predictor = artifact.load(artifact_path)
    assert out.split() == [str(path), predictor.title]
    assert path.read_text(encoding="utf-8") == report(predictor, None, {})
    code, _, err = program("report", artifact_path, "--output", artifact_path)
    assert code == 2
    assert "is the artifact itself" in err
