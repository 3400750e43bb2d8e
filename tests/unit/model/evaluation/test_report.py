"""The training report: whole, by itself, escaped, and its figures those of the metrics."""

import base64
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

from model.artifacts import artifact
from model.evaluation.metrics import average_precision, roc_auc, scores
from model.evaluation.plots.features import feature_distributions
from model.evaluation.report.bootstrap import resampled
from model.evaluation.report.curves import net_benefit
from model.evaluation.report.document import report
from model.evaluation.report.html import decimal, percent, percents
from model.evaluation.report.model_card import recipe_text
from model.evaluation.report.tables import SWEEP, error_intervals, row_losses
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.train import Trained, train
from model.prediction.predictor import Predictor, ScoredRows
from model.training.recipes.recipe import load_recipe
from model.training.tables.targets import rows_by_class

VOID = {"meta", "img", "br"}
KINDS = ("article", "digits", "multi-label", "regression")


class Page(HTMLParser):
    """What a page is made of; wrong nesting is an AssertionError."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def having(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def plain(text: str) -> str:
    """As `Page.text` has it."""
    return " ".join(text.split())


def quickly(name: str, folder: Path) -> Trained:
    path = folder / f"{name}-quick.toml"
    path.write_text(f'extends = "{name}"\n[training]\nepochs = 2\nreport_every = 1\n')
    return train(load_recipe(str(path)))


def pictures(trained: Trained) -> dict[str, bytes]:
    """None where there are so many features that they take long to draw."""
    table, schema = trained.table, trained.predictor.schema
    if len(schema.features) > 20:
        return {}
    groups = rows_by_class(table.targets, schema.target)
    return {"features": feature_distributions(table.rows, groups, schema)}


@pytest.fixture(scope="module")
def article(trained: Trained, predictor: Predictor) -> str:
    return report(predictor, trained.outcome.history, pictures(trained))


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A trained predictor of each kind of target, and its report."""
    trained = quickly(request.param, tmp_path_factory.mktemp("recipes"))
    return trained.predictor, report(trained.predictor, trained.outcome.history, pictures(trained))


def test_every_kind_is_well_formed_and_needs_nothing_else(kind: tuple[Predictor, str]) -> None:
    predictor, text = kind
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


def test_every_kind_has_an_order_that_readers_can_follow(kind: tuple[Predictor, str]) -> None:
    page = Page(kind[1])
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


def test_every_kind_tells_nothing_of_this_machine_or_of_a_row(
    kind: tuple[Predictor, str], tmp_path: Path
) -> None:
    predictor, text = kind
    decoded = [base64.b64decode(each) for each in re.findall(r"base64,([^\"]+)", text)]
    for place in (ROOT, Path.home(), tmp_path.parent):
        assert f"{place}/" not in text
        assert not any(f"{place}/".encode() in each for each in decoded)
    again = report(predictor, None, {})
    assert again == report(predictor, None, {})
    assert "an artifact does not hold it" in again
    assert "an artifact does not hold its rows" in again


def test_it_holds_the_figures(article: str, predictor: Predictor) -> None:
    page = Page(article)
    text = page.text
    for scored in (predictor.validation, predictor.train):
        told = metrics_at_threshold(predictor.schema.target, scored, 0.5)
        for name, interval in told["intervals"].items():
            assert plain(f"{percent(told[name])} {percents(interval)}") in text, name
    for value in scores(predictor.schema.target, predictor.validation).values():
        assert decimal(value) in text
    assert "is benign 294 97.0 % 9 3.0 % 303" in text
    assert "is malignant 10 5.1 % 187 94.9 % 197" in text
    for at in SWEEP:
        matrix = metrics_at_threshold(predictor.schema.target, predictor.validation, at)[
            "confusion_matrix"
        ]
        counts = (matrix["true_positive"], matrix["false_negative"], matrix["false_positive"])
        assert f"{at:.2f} {' '.join(map(str, counts))} " in text
    for fact in (
        "rows in it 699",
        "rows used 683",
        "500, of them malignant 197 (39.4 %)",
        "none: each row by itself",
        "default (0.5)",
        "dense(15, relu, lecun_normal)",
        "learning_rate = 0.01",
        f"Report: {predictor.title}",
        predictor.version,
        "41 validate, and at least 100 of each class",
    ):
        assert fact in text
    assert "not shown" not in text.replace("Their values are not shown here.", "")


def test_it_tells_the_hardest_rows_by_their_place(article: str, predictor: Predictor) -> None:
    losses = row_losses(predictor)
    rows, p = predictor.validation.targets[:, 0], predictor.validation.predictions[:, 0]
    assert losses.mean() == pytest.approx(predictor.facts["scores"]["log_loss"])
    for row in np.argsort(-losses)[:10].tolist():
        is_ = "malignant" if rows[row] else "benign"
        assert f"{row} {decimal(p[row])} {is_} {decimal(losses[row])}" in Page(article).text


def test_it_is_the_same_every_time(article: str, trained: Trained, predictor: Predictor) -> None:
    assert report(predictor, trained.outcome.history, pictures(trained)) == article


def test_every_text_is_escaped(predictor: Predictor) -> None:
    evil = '<script>alert("&")</script>'
    facts = {
        **predictor.facts,
        "description": evil,
        "intended_use": evil,
        "limits": [evil],
        "data": {**predictor.facts["data"], "file": evil},
        "recipe": {**predictor.facts["recipe"], "name": evil},
        "versions": {evil: evil},
    }
    target = predictor.schema.target.model_copy(update={"positive": evil})
    schema = predictor.schema.model_copy(update={"target": target})
    text = report(replace(predictor, name=evil, schema=schema, facts=facts), None, {})
    Page(text)
    assert "<script" not in text
    assert text.count(escape(evil)) > 20
    assert f"<title>Report: {escape(evil)}@" in text


def test_without_facts_or_rows_it_says_so(predictor: Predictor) -> None:
    bare = replace(predictor, facts={}, version="")
    text = Page(report(bare, None, {})).text
    assert "That does not mean that there are none." in text
    assert "not saved yet" in text
    one = ScoredRows.ungrouped(np.zeros((3, 1), bool), np.full((3, 1), 0.25))
    text = Page(report(replace(bare, validation=one), None, {})).text
    assert "they need validation rows of both classes" in text
    none = ScoredRows.ungrouped(np.zeros((0, 1), bool), np.zeros((0, 1)))
    assert "There are no validation rows." in report(replace(bare, validation=none), None, {})


def test_the_report_command(program: Any, artifact_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    code, out, err = program("report", artifact_path, "--output", path)
    assert (code, err) == (0, "")
    predictor = artifact.load(artifact_path)
    assert out.split() == [str(path), predictor.title]
    assert path.read_text(encoding="utf-8") == report(predictor, None, {})
    code, _, err = program("report", artifact_path, "--output", artifact_path)
    assert code == 2
    assert "is the artifact itself" in err


@pytest.mark.parametrize("rows", [40, 5000])
def test_resamples_begin_at_the_rows_own_scores(rows: int) -> None:
    generator = np.random.default_rng(3)
    labels = generator.random(rows) < 0.3
    p = np.clip(generator.normal(0.3 + 0.3 * labels, 0.2), 0, 1)
    found = resampled(labels, p, np.arange(len(p)))
    near = 1e-12 if rows < 2000 else 1e-3
    assert float(found.counts.area()) == pytest.approx(roc_auc(labels, p), abs=near)
    mean = float(found.counts.average_precision())
    assert mean == pytest.approx(average_precision(labels, p), abs=near)
    low, high = found.intervals["roc_auc"]
    drawn = [generator.integers(0, rows, rows) for _ in range(400)]
    slow = np.quantile([roc_auc(labels[i], p[i]) for i in drawn], (0.025, 0.975))
    assert (low, high) == pytest.approx(slow, abs=0.03 if rows < 2000 else 0.003)
    for low_end, high_end in (found.roc_band(), found.precision_band()):
        assert low_end.shape == high_end.shape == (101,)
        assert (low_end <= high_end).all()


def test_net_benefit_is_the_textbooks() -> None:
    labels = np.array([True, True, False, False, False])
    p = np.array([0.9, 0.2, 0.6, 0.2, 0.1])
    found = net_benefit(labels, p, np.array([0.1, 0.2, 0.5]))
    expected = [2 / 5 - 2 / 5 / 9, 1 / 5 - 1 / 5 / 4, 1 / 5 - 1 / 5]
    assert found.tolist() == pytest.approx(expected)


def test_intervals_of_errors_hold_them() -> None:
    errors = np.array([-1.0, 2, -3, 4])
    found = error_intervals(errors)
    low, high = found["root_mean_squared_error"]
    assert low < np.sqrt(np.square(errors).mean()) < high
    assert sum(found["mean_error"]) / 2 == errors.mean()
    assert error_intervals(errors[:1]) == {}


def test_a_recipe_is_told_as_toml() -> None:
    told = {"name": 'a "b"', "none": None, "features": [1], "part": {"on": True, "of": [1, "x"]}}
    assert recipe_text(told) == 'name = "a \\"b\\""\n\n[part]\non = true\nof = [1, "x"]'


def test_groups_are_drawn_whole() -> None:
    generator = np.random.default_rng(0)
    p = generator.random(100)
    labels = generator.random(100) < p
    four, groups = (np.repeat(each, 4) for each in (p, np.arange(100)))
    single = resampled(labels, p, np.arange(100)).intervals["roc_auc"]
    grouped = resampled(np.repeat(labels, 4), four, groups).intervals["roc_auc"]
    naive = resampled(np.repeat(labels, 4), four, np.arange(400)).intervals["roc_auc"]
    assert grouped == pytest.approx(single, abs=0.03)
    assert naive[1] - naive[0] < 0.7 * (grouped[1] - grouped[0])
