"""Names from a table are escaped in the HTML report, which clinicians open in a browser."""

from dataclasses import replace

from support.html_page import Page

from model.evaluation.report.document import report
from model.prediction.predictor import Predictor
from model.prediction.schema import Schema


def test_names_from_the_table_are_escaped(predictor: Predictor) -> None:
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
    changed = Schema.model_validate({"features": features, "target": target.model_dump()})
    renamed = replace(predictor, schema=changed, operating_points={evil: 0.5, "default": 0.5})
    text = report(renamed, None, {})
    page = Page(text)
    assert not [img for img in page.having("img") if not str(img["src"]).startswith("data:")]
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert page.having("script") == []
    assert text.count("<style>") == text.count("</style>") == 1
    assert page.text.count(evil) > 5
