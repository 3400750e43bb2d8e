"""The positive label by its meaning."""

import pytest

from model.training.recipes.drafting.labels import positive_by_meaning


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("no", "yes"),
        ("N", "Y"),
        ("0", "1"),
        ("0.0", "1.0"),
        ("-1", "1"),
        ("0", "3"),
        ("false", "TRUE"),
        ("benign", "Malignant"),
        ("control", "case"),
        ("alive", "died"),
        ("healthy", "sick"),
        ("notckd", "ckd"),
        ("no recurrence", "recurrence"),
        ("normal", "abnormal"),
        ("neg", "tested positive?"),
    ],
)
def test_the_label_of_an_event_is_positive(negative: str, positive: str) -> None:
    assert positive_by_meaning((negative, positive)) == positive
    assert positive_by_meaning((positive, negative)) == positive


@pytest.mark.parametrize("labels", [("2", "4"), ("red", "blue"), ("yes", "true"), ("no", "benign")])
def test_other_labels_do_not_say(labels: tuple[str, str]) -> None:
    assert positive_by_meaning(labels) is None
