"""Texts of a recipe and names from a table are escaped in the HTML report."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.html_page import Page

from model.evaluation.report.document import report
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.schema import Schema

pytestmark = pytest.mark.usefixtures("few_draws")

EVIL = "</style><img onerror=alert(1)>"
PARTS = st.one_of(  # of HTML, of templates, and of what is escaped already
    st.sampled_from(["</style>", "<!--", "-->", "<b a='", "&lt;", "&#0;", "{{", "{%", "#}", "]]>"]),
    st.text("<>&\"'{}%#/!-=;ab ", min_size=1, max_size=5),
)
TEXTS = st.lists(PARTS, min_size=1, max_size=8).map("".join).map(str.strip).filter(bool)


def with_text(predictor: Predictor, text: str) -> Predictor:
    """The predictor with a text wherever a table, a recipe or a file name may put one."""
    schema = predictor.schema
    number, category, *others = schema.features
    features = (
        number.model_copy(
            update={
                "name": text,
                "unit": text,
                "description": text,
                "label": text,
                "group": text,
                "levels": {1: text},
            }
        ),
        category.model_copy(
            update={
                "name": f"{text}2",
                "type": "category",
                "categories": (text, f"not {text}"),
                "minimum": None,
                "maximum": None,
                "levels": None,
            }
        ),
        *others,
    )
    target = {"task": "binary", "negative": text, "positive": f"not {text}"}
    facts = {
        **predictor.facts,
        "description": text,
        "intended_use": text,
        "limits": [text],
        "data": {**predictor.facts["data"], "file": text},
        "recipe": {**predictor.facts["recipe"], "name": text},
        "versions": {text: text},
    }
    return replace(
        predictor,
        name=text,
        schema=Schema.model_validate({"features": features, "target": target}),
        operating_points={text: 0.5, "default": 0.5},
        facts=facts,
    )


def test_texts_beside_pictures_are_escaped(predictor: Predictor) -> None:
    text = report(with_text(predictor, EVIL), None, {"features": b"\x89PNG"})
    page = Page(text)
    images = page.having("img")
    assert [img for img in images if EVIL in str(img["alt"])]
    assert all(str(img["src"]).startswith("data:") for img in images)
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert page.having("script") == []
    assert text.count("<style>") == text.count("</style>") == 1


@pytest.fixture(scope="module")
def small(predictor: Predictor) -> Predictor:
    """Return a model without validation rows and with few training rows: a report is fast."""
    none = ScoredRows.ungrouped(np.zeros((0, 1), bool), np.zeros((0, 1)))
    assert predictor.sample is not None
    return replace(
        predictor, validation=none, sample=replace(predictor.sample, rows=predictor.sample.rows[:9])
    )


@pytest.fixture(scope="module")
def plain(small: Predictor) -> Page:
    return Page(report(with_text(small, "plain"), None, {}))


@pytest.fixture
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the content of pictures, which the page embeds in base64."""
    monkeypatch.setattr("model.evaluation.plots.files._saved", lambda *_, **__: b"<svg/>")


@pytest.mark.usefixtures("_undrawn")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_any_text_is_shown_as_text_and_creates_no_element(
    small: Predictor, plain: Page, text: str
) -> None:
    page = Page(report(with_text(small, text), None, {}))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    shown = " ".join(text.split())
    once_quoted = 1  # in the recipe's TOML, which writes " as \\"
    assert page.text.count(shown) >= plain.text.count("plain") - once_quoted > 20
