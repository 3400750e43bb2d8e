"""Descriptions of the report."""

from model.evaluation.report.descriptions import features_table, recipe_text
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature


def test_recipe_as_toml() -> None:
    recipe = {"name": 'a "b"', "none": None, "features": [1], "part": {"on": True, "of": [1, "x"]}}
    assert recipe_text(recipe) == 'name = "a \\"b\\""\n\n[part]\non = true\nof = [1, "x"]'


def test_values_of_features_that_accept_others() -> None:
    number = Feature(name="age", type="integer", minimum=18, maximum=90, out_of_range="clip")
    category = Feature(name="site", type="category", categories=("N", "S"), unseen="other")
    assert number.known_values == "an integer from 18 to 90"
    assert category.known_values == "one of N, S"


def test_the_table_of_features_shows_their_labels(predictor: Predictor) -> None:
    name, *_ = features_table(predictor).rows[-1]
    assert name == ("mitoses", "Mitoses. Share of dividing cells.")
