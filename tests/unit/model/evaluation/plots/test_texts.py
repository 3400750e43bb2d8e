"""Texts of pictures: every character is drawn or spelled, and nothing is mathematics."""

from collections.abc import Iterator

import pytest
from matplotlib.figure import Figure

from model.evaluation.plots import texts
from model.evaluation.plots.files import as_png
from model.evaluation.plots.texts import label, prepare_texts


@pytest.fixture
def _only_the_bundled_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    files = {texts.FONT: texts._installed()[texts.FONT]}
    monkeypatch.setattr(texts, "_installed", lambda: files)
    texts._fonts_for.cache_clear()
    yield
    texts._fonts_for.cache_clear()


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("age", 24, "age"),
        ("expression_of_gene_number_17", 11, "expre…er_17"),
        ("two\nlines\tof  text", 24, "two lines of text"),
        ("$x$ costs $5", 24, "$x$ costs $5"),
        ("", 24, ""),
    ],
)
def test_names_are_shortened_in_their_middle(text: str, limit: int, shown: str) -> None:
    assert label(text, limit) == shown
    assert len(label(text, limit)) <= limit


@pytest.mark.usefixtures("_only_the_bundled_font")
def test_characters_without_a_font_are_spelled_and_explained() -> None:
    assert label("体重 kg") == "⟨4F53 91CD⟩ kg"
    figure = Figure()
    figure.text(0, 0, "体重")
    assert prepare_texts(figure)
    assert [text.get_text() for text in figure.texts] == ["⟨4F53 91CD⟩"]
    figure = Figure()
    figure.text(0, 0, "Größe, размер, μέγεθος ≤ 5")
    assert not prepare_texts(figure)


@pytest.mark.usefixtures("_only_the_bundled_font")
def test_a_picture_of_any_text_is_drawn_without_a_warning() -> None:
    for text in (
        "体重",
        "$_$ and $",
        r"\alpha $\frac{$",
        "🙂",
        "a\x07b",
        "שלום",
        "\ud7ff\uffff",
        "%s {x}",
    ):
        figure = Figure(figsize=(2, 1))
        axes = figure.subplots()
        axes.set(title=text, xlabel=text)
        axes.set_xticks([0, 1], [label(text), label(text)])
        axes.plot([0, 1], [0, 1], label=f"name {text}")
        axes.legend()
        assert as_png(figure).startswith(b"\x89PNG")


def test_an_installed_font_that_has_the_characters_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    glyphs = {texts.FONT: frozenset(map(ord, "kg ")), "Han": frozenset(map(ord, "体重"))}
    monkeypatch.setattr(texts, "_installed", lambda: dict.fromkeys(glyphs, ""))
    monkeypatch.setattr(texts, "_glyphs", glyphs.__getitem__)
    texts._fonts_for.cache_clear()
    assert texts._fonts_for(frozenset("体重 kg")) == ([texts.FONT, "Han"], frozenset())
    assert texts._fonts_for(frozenset("体x")) == ([texts.FONT, "Han"], frozenset("x"))
    assert label("体重 kg", 5) == "体…kg"
    texts._fonts_for.cache_clear()
