"""Descriptions of the report."""

from model.evaluation.report.descriptions import recipe_text


def test_recipe_as_toml() -> None:
    recipe = {"name": 'a "b"', "none": None, "features": [1], "part": {"on": True, "of": [1, "x"]}}
    assert recipe_text(recipe) == 'name = "a \\"b\\""\n\n[part]\non = true\nof = [1, "x"]'
