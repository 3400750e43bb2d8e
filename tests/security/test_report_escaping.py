"""A report is opened by clinicians: no name that a table brought may become a part of the page."""

from dataclasses import replace

from support.html_page import Page

from model.evaluation.report.document import report
from model.prediction.predictor import Predictor
from model.prediction.schema import Schema


def test_a_name_from_the_table_is_text_and_nothing_else(predictor: Predictor) -> None:
    evil = "</style><img onerror=alert(1)>"
    schema = predictor.schema
    number, category, *others = schema.features
    features = (
        number.model_copy(update={"name": evil, "unit": evil, "description": evil}),
        category.model_copy(
            update={
                "name": f"{evil}2",
                "type": "category",
                "categories": (evil, "b"),
                "minimum": None,
                "maximum": None,
            }
        ),
        *others,
    )
    target = schema.target.model_copy(update={"negative": evil})
    made = Schema.model_validate({"features": features, "target": target.model_dump()})
    told = replace(predictor, schema=made, operating_points={evil: 0.5, "default": 0.5})
    text = report(told, None, {})
    page = Page(text)
    assert not [each for each in page.having("img") if not str(each["src"]).startswith("data:")]
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert page.having("script") == []
    assert text.count("<style>") == text.count("</style>") == 1
    assert page.text.count(evil) > 5
