"""Build the documentation as a site in site/: python docs/build_site.py."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PREPARED = ROOT / "build" / "docs"
SITE = ROOT / "site"
# Documents outside docs/, and their pages on the site.
DOCUMENTS = {
    "SECURITY.md": "project/security.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    "CHANGELOG.md": "project/changelog.md",
    "data/README.md": "project/data.md",
}
NOT_SEARCHED = {"project/changelog.md", "project/contributing.md", "project/data.md"}
ASSETS = ("scheme.js", "images/logo.svg", "images/favicon.svg")
MAX_BYTES = 2 << 20
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(#[^)\s]*)?\)")
# Parts of a page whose white space counts.
VERBATIM = re.compile(r"(<(pre|script|style|textarea)\b.*?</\2>)", re.DOTALL)
BLOCKS = (
    "article|aside|div|footer|form|h[1-6]|header|li|main|nav|ol|p|table|tbody|td|th|thead|tr|ul"
)
QUOTED = re.compile(r"""(\s[\w-]+)="([\w.#/-]+)"(?=[\s>])""")
# What a browser would load, as opposed to what a reader may click.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["']?https?:|"""
    r"""<link[^>]+rel=["']?(?:stylesheet|preconnect|icon|preload)[^>]+href=["']?https?:"""
)


def prepare(folder: Path) -> None:
    """Write the Markdown of the site into a folder: pages, pictures that they show, llms.txt."""
    shutil.rmtree(folder, ignore_errors=True)
    for source, target in pages().items():
        page = folder / target
        page.parent.mkdir(parents=True, exist_ok=True)
        text = _with_links_of_the_site(source, target)
        if target in NOT_SEARCHED:
            text = f"---\nsearch:\n  exclude: true\n---\n\n{text}"
        page.write_text(text, encoding="utf-8")
        for name in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", source.read_text(encoding="utf-8")):
            picture = (source.parent / name).resolve()
            copy = folder / picture.relative_to(DOCS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, copy)
    for name in ASSETS:
        shutil.copyfile(DOCS / name, folder / name)
    (folder / "llms.txt").write_text(llms_text(), encoding="utf-8")


def pages() -> dict[Path, str]:
    """Return the documents, and the path of each on the site."""
    written = {path: path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md"))}
    return written | {ROOT / document: page for document, page in DOCUMENTS.items()}


def _with_links_of_the_site(source: Path, target: str) -> str:
    """Return the text of a document, whose links go to pages of the site."""
    by_path = {path.resolve(): page for path, page in pages().items()}
    up = "../" * target.count("/")

    def replace(link: re.Match[str]) -> str:
        path = (source.parent / link[1]).resolve()
        anchor = link[2] or ""
        if path == ROOT / "README.md":
            return f"]({up}index.md)"
        if path in by_path:
            return f"]({up}{by_path[path]}{anchor})"
        if path.is_relative_to(DOCS):
            return f"]({up}{path.relative_to(DOCS).as_posix()})"
        raise ValueError(f"{source}: {link[1]} is not on the site: name the file without a link")

    text = LINK.sub(replace, source.read_text(encoding="utf-8"))
    return re.sub(r"```mermaid\n(.*?)```\n", _as_tables, text, flags=re.DOTALL)


def _as_tables(diagram: re.Match[str]) -> str:
    """Return a Mermaid diagram as a table for each subgraph: a node, and those it points to."""
    labels = dict(re.findall(r"(\w+)\[([\w.]+)\]", diagram[1]))
    edges = re.findall(r"(\w+)(?:\[[\w.]+\])? --> (\w+)", diagram[1])
    tables = ""
    for title, body in re.findall(r'subgraph \w+ \["(.*?)"\]\n(.*?)\n  end', diagram[1], re.DOTALL):
        tables += f"\n| {title} | imports |\n|---|---|\n"
        for node in dict.fromkeys(re.findall(r"^ *(\w+)(?:\[[\w.]+\])? -->", body, re.MULTILINE)):
            targets = ", ".join(f"`{labels.get(to, to)}`" for source, to in edges if source == node)
            tables += f"| `{labels.get(node, node)}` | {targets} |\n"
    return tables


def llms_text() -> str:
    """Return llms.txt: every page of the navigation, with its first sentence."""
    project = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    by_page = {page: path for path, page in pages().items()}
    text = f"# {project['site_name']}\n\n> {project['site_description']}\n"
    for section in project["nav"]:
        for title, entries in section.items():
            text += f"\n## {title}\n\n"
            for entry in entries:
                for name, page in entry.items():
                    text += f"- [{name}]({page}): {_summary(by_page[page])}\n"
    return text


def _summary(path: Path) -> str:
    """Return the first sentence of a page."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    prose = next(block for block in blocks if re.match(r"[\w`*\[]", block))
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(prose.split()))
    return re.split(r"(?<=[a-z0-9)`*][.:;]) ", plain)[0].rstrip(":.;") + "."


def compact(site: Path) -> None:
    """Remove white space at the ends of lines, and the styles of a variant that is not used."""
    shutil.rmtree(site / "assets" / "stylesheets" / "classic")
    for path in site.rglob("*.html"):
        parts = VERBATIM.split(path.read_text(encoding="utf-8"))
        # Three parts each: text, the verbatim element, and its name.
        parts[::3] = [_shortened(text) for text in parts[::3]]
        # White space, names and punctuation have the colour of text.
        plain = r'<span class="[wnp]">([^<]*)</span>'
        parts[1::3] = [re.sub(plain, r"\1", code) for code in parts[1::3]]
        del parts[2::3]
        path.write_text("".join(parts), encoding="utf-8")


def _shortened(html: str) -> str:
    """Return HTML without white space that is not shown, ends of cells, and quotes."""
    html = re.sub(r"\s*\n\s*", "\n", html)
    html = re.sub(r'<span class="md-(?:ellipsis|typeset)">\n?([^<]*?)\n?</span>', r"\1", html)
    html = re.sub(rf"\n?(</?(?:{BLOCKS})\b[^>]*>)\n?", r"\1", html)
    html = html.replace(' title="Permanent link"', "")
    html = re.sub(r"</(?:td|th|tr)>", "", html)  # optional in HTML, as are many quotes
    return re.sub(r"<[a-z][^<>]*>", lambda tag: QUOTED.sub(r"\1=\2", tag[0]), html)


def problems(site: Path) -> list[str]:
    """Return the faults of a built site: what it loads from other hosts, and its size."""
    found = []
    for path in site.rglob("*.html"):
        found += [f"{path}: {each}" for each in LOADED.findall(path.read_text(encoding="utf-8"))]
    if _size(site) > MAX_BYTES:
        found.append(f"{_size(site)} bytes, more than {MAX_BYTES}")
    return found


def _size(site: Path) -> int:
    return sum(path.stat().st_size for path in site.rglob("*") if path.is_file())


def main() -> int:
    """Prepare, build and check the site."""
    prepare(PREPARED)
    shutil.rmtree(SITE, ignore_errors=True)
    build = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    if code := subprocess.run(build, cwd=ROOT, check=False).returncode:
        return code
    compact(SITE)
    found = problems(SITE)
    print("\n".join(found) or f"site/: {_size(SITE)} bytes")
    return len(found) > 0


if __name__ == "__main__":
    sys.exit(main())
