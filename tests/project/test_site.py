"""The site has all pages, and its Markdown refers to nothing outside of it."""

import re
import tomllib
from pathlib import Path

import pytest
from support.paths import DOCS, ROOT

from docs.build_site import LINK, MAX_BYTES, llms_text, pages, prepare, problems

PROJECT = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
ENTRIES = [
    page
    for section in PROJECT["nav"]
    for entries in section.values()
    for entry in entries
    for page in entry.values()
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Markdown of the site."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    prepare(folder)
    return folder


def test_the_navigation_lists_every_page_once() -> None:
    assert sorted(ENTRIES) == sorted(pages().values())


def test_a_folder_is_a_kind_of_page() -> None:
    kinds = {path.parent.name for path in DOCS.glob("*/*.md")}
    assert kinds == {"start", "tutorials", "how-to", "reference", "explanation"}
    assert [path.name for path in DOCS.glob("*.md")] == ["index.md"]


def test_the_overview_links_every_page() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in ENTRIES:
        if page != "index.md" and not page.startswith("project/"):
            assert f"]({page})" in text, page


def test_links_stay_on_the_site(prepared: Path) -> None:
    links = 0
    for path in prepared.rglob("*.md"):
        for link in LINK.finditer(path.read_text(encoding="utf-8")):
            target = (path.parent / link[1]).resolve()
            assert target.is_relative_to(prepared), f"{path}: {link[1]}"
            assert target.is_file(), f"{path}: {link[1]}"
            links += 1
    assert links > 200


def test_pictures_that_no_page_shows_are_left_out(prepared: Path) -> None:
    shown = {path.name for path in (prepared / "images").glob("*.png")}
    assert "page-calculator.png" in shown
    for name in shown:
        texts = (path.read_text(encoding="utf-8") for path in prepared.rglob("*.md"))
        assert any(f"/{name})" in text for text in texts), name


def test_a_diagram_is_a_table_for_each_subgraph(prepared: Path) -> None:
    text = (prepared / "explanation" / "architecture.md").read_text(encoding="utf-8")
    assert "mermaid" not in text
    assert re.search(
        r"^\| `cli` \| `tuning`, `evaluation.report`, `export` \|$", text, re.MULTILINE
    )
    source = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    for label in re.findall(r"\w+\[([\w.]+)\]", source.split("```mermaid")[1].split("```")[0]):
        assert f"`{label}`" in text, label


def test_llms_txt_has_a_sentence_for_every_page() -> None:
    lines = re.findall(r"^- \[.+\]\((.+)\): (.+)\.$", llms_text(), re.MULTILINE)
    assert [page for page, _ in lines] == ENTRIES
    for page, sentence in lines:
        assert 10 < len(sentence) < 350, page


def test_what_a_page_would_load_from_another_host_is_found(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text('<a href="https://example.org">x</a><script src="app.js"></script>')
    assert problems(tmp_path) == []
    page.write_text('<script src="https://example.org/app.js"></script>')
    assert len(problems(tmp_path)) == 1
    page.write_text('<link rel="stylesheet" href="https://example.org/x.css">')
    assert len(problems(tmp_path)) == 1
    page.write_text("x" * (MAX_BYTES + 1))
    assert len(problems(tmp_path)) == 1


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.name)
def test_lists_are_lists_to_every_reader(path: Path) -> None:
    """Zensical needs an empty line before a list, and four spaces inside an item."""
    text = re.sub(r"^ *```.*?^ *```$", "```", path.read_text("utf-8"), flags=re.M | re.DOTALL)
    item = r" *(?:[-*]|\d+\.) "
    after_text = re.findall(rf"^(?!{item}| |$).+\n{item}.*", text, re.MULTILINE)
    assert after_text == []
    indented = re.findall(r"\n\n( {1,3}| {5,7})(\S.*)", text)
    assert indented == []
