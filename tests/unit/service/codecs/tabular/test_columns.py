"""Headers of tables: names of features, and names of their columns."""

import pytest

from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.blocks import TableRules
from service.codecs.tabular.columns import read_header
from service.problems import Problem

FEATURES = (Feature(name="a"), Feature(name="größe", column="Größe\x0b(mm)"))
RULES = TableRules(Schema(features=FEATURES, target=Binary(negative="n", positive="p")))


@pytest.mark.parametrize(
    "header", [("a", "größe"), ("a", "Größe\x0b(mm)"), ("a", "Gro\u0308ße\x0b(mm)")]
)
def test_a_column_has_the_name_of_its_feature_or_that_of_the_first_table(
    header: tuple[str, str],
) -> None:
    assert read_header(header, RULES) == ["a", "größe"]


def test_a_column_under_both_names_is_given_twice() -> None:
    with pytest.raises(Problem) as caught:
        read_header(["a", "größe", "Größe\x0b(mm)"], RULES)
    assert caught.value.errors == [{"field": "größe", "rule": "is given twice"}]
