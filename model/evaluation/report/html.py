"""HTML of the report: a self-contained page with headings, tables and figures.

All functions escape their texts; arguments named `parts`, `inner` or `lead` are HTML.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Picture:
    """An embedded picture.

    Attributes:
        content: PNG or SVG file.
        alt: Alternative text: what the picture shows, with numbers.
        caption: Caption below the picture.
        wide: Whether small screens scroll the picture instead of shrinking it.
    """

    content: bytes
    alt: str
    caption: str
    wide: bool = False

    @property
    def html(self) -> str:
        """The `<figure>` element."""
        kind = "png" if self.content.startswith(b"\x89PNG") else "svg+xml"
        data = base64.b64encode(self.content).decode()
        image = f'<img src="data:image/{kind};base64,{data}" alt="{escape(self.alt)}">'
        if self.wide:
            image = _scrolled(self.caption, image)
        return f"<figure>{image}<figcaption>{escape(self.caption)}</figcaption></figure>"


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        title: Heading.
        parts: HTML below the heading.
    """

    title: str
    parts: Sequence[str]

    @property
    def anchor(self) -> str:
        """The id of the heading, which links refer to."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    @property
    def html(self) -> str:
        """The `<section>` element without its end tag."""
        heading = f'<h2 id="{self.anchor}">{escape(self.title)}</h2>'
        return "\n".join([f'<section aria-labelledby="{self.anchor}">', heading, *self.parts])


def page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the whole document.

    Args:
        title: Title and main heading.
        lead: HTML above the table of contents.
        sections: Sections, listed in the table of contents.
    """
    links = "".join(
        f'<li><a href="#{section.anchor}">{escape(section.title)}</a></li>' for section in sections
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{escape(title)}</h1>",
            *lead,
            '<nav aria-labelledby="contents"><h2 id="contents">Contents</h2>',
            f"<ol>{links}</ol></nav>",
            *(f"{section.html}\n</section>" for section in sections),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def bullets(texts: Iterable[str]) -> str:
    """Return an unordered list."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def box(title: str, parts: Iterable[str]) -> str:
    """Return a highlighted box.

    Args:
        title: Heading of the box.
        parts: HTML below the heading.
    """
    return f'<aside class="box"><h2>{escape(title)}</h2>{"".join(parts)}</aside>'


def text_block(caption: str, text: str) -> str:
    """Return preformatted text.

    Args:
        caption: Accessible name of the block.
        text: The text.
    """
    return _scrolled(caption, f"<pre>{escape(text)}</pre>")


def folded(summary: str, inner: str) -> str:
    """Return collapsed HTML.

    Args:
        summary: Text that is always visible.
        inner: HTML that is visible after expansion.
    """
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def side_by_side(parts: Iterable[str]) -> str:
    """Arrange HTML elements side by side where the screen is wide enough."""
    return f'<div class="beside">{"".join(parts)}</div>'


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, prose: bool = False
) -> str:
    """Return a table; the first column has row headings.

    Args:
        caption: Caption above the table.
        heads: Column headings.
        rows: Cells, each a value, or a value and a note to show below it.
        prose: Whether cells hold sentences, which are aligned to the left.
    """
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{_cell(first)}</th>'
        + "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    )
    kind = ' class="prose"' if prose else ""
    return _scrolled(
        caption,
        f"<table{kind}><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    )


def percent(share: float | None) -> str:
    """Format a share as 12.3 %, None as a dash."""
    return "–" if share is None else f"{share:.1%}".replace("%", f"{NO_BREAK_SPACE}%")


def decimal(value: float | None) -> str:
    """Format a number with 4 decimals, fewer from 10 on; None as a dash."""
    if value is None:
        return "–"
    size = abs(value)
    return f"{value:.{4 if size < 10 else 2 if size < 1000 else 0}f}"


def percents(interval: Sequence[float] | None) -> str:
    """Format an interval of shares as 12.3 to 45.6 %, None as a dash."""
    return "–" if interval is None else f"{100 * interval[0]:.1f} to {percent(interval[1])}"


def display_name(name: str) -> str:
    """Return the name of a metric for display: roc_auc becomes ROC AUC."""
    return {
        "f1": "F1",
        "macro_f1": "macro F1",
        "r_squared": "R²",
        "roc_auc": "ROC AUC",
        "brier": "Brier score",
    }.get(name, name.replace("_", " "))


def _cell(value: Any) -> str:
    if not isinstance(value, tuple):
        return escape(str(value))
    text, note = value
    return f"{escape(str(text))}<small>{escape(str(note))}</small>"


def _scrolled(caption: str, inner: str) -> str:
    """Wrap HTML in a region that scrolls horizontally, with the keyboard too."""
    label = escape(caption)
    return f'<div class="wide" role="region" tabindex="0" aria-label="{label}">{inner}</div>'


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;color:#1a1a1a;background:#fff;
 font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:66rem;margin:0 auto;padding:1rem clamp(.9rem,3vw,2rem) 4rem}
h1{font-size:clamp(1.35rem,5vw,2.1rem);line-height:1.2;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.4rem;line-height:1.25;margin:2.6rem 0 .6rem;padding-top:.6rem;
 border-top:2px solid #d5d9de}
h3{font-size:1.08rem;margin:1.8rem 0 .4rem}
p,li{max-width:46rem}
p{margin:.6rem 0}
.lead{font-size:1.12rem}
a{color:#1f4f82}
a:focus-visible,.wide:focus-visible{outline:3px solid #4477aa;outline-offset:2px}
.box{border:2px solid #a3253a;border-left-width:.6rem;border-radius:.3rem;background:#fff6f6;
 padding:.7rem 1.1rem;margin:1.2rem 0}
.box h2{margin:0 0 .3rem;padding:0;border:0;font-size:1.2rem}
nav h2{font-size:1.1rem;border:0;margin:1.4rem 0 .2rem;padding:0}
nav ol{margin:.2rem 0;padding-left:1.6rem;columns:15rem 3}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.92rem;line-height:1.4}
caption{text-align:left;font-weight:600;padding:0 0 .4rem;
 max-width:min(46rem,calc(100vw - 2rem))}
th,td{padding:.32rem .7rem;border-bottom:1px solid #d5d9de;text-align:right;vertical-align:top;
 font-variant-numeric:tabular-nums}
thead th{border-bottom:2px solid #5a6470;vertical-align:bottom}
th[scope=row],thead th:first-child{text-align:left;padding-left:0;font-weight:600}
td small{white-space:nowrap}
.prose small{white-space:normal}
small{display:block;font-size:.85em;font-weight:400;color:#4a4a4a}
table:not(.prose) th[scope=row]{position:sticky;left:0;background:#fff}
.prose td,.prose thead th{text-align:left}
.prose td{min-width:11rem;overflow-wrap:anywhere}
.prose{width:100%}
pre{margin:0;padding:.8rem 1rem;background:#f4f6f8;font:.85rem/1.45 ui-monospace,SFMono-Regular,
 Menlo,Consolas,"DejaVu Sans Mono",monospace}
figure{margin:1.2rem 0}
figure img{display:block;max-width:100%;height:auto}
figure .wide{margin:0}
figure .wide img{min-width:44rem}
figcaption{font-size:.92rem;margin-top:.3rem;max-width:46rem;color:#333}
.beside{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));
 gap:0 2rem;align-items:start}
.beside figure img{width:100%}
@media(max-width:30rem){
 table{font-size:.85rem}
 th,td{padding:.3rem .4rem}
 ul{padding-left:1.3rem}
}
@media print{
 @page{margin:16mm}
 body{font-size:10pt}
 main{max-width:none;padding:0}
 nav{display:none}
 .wide{overflow:visible}
 table{font-size:8.5pt}
 th,td{padding:.2rem .4rem}
 figure,table,tr,.box{break-inside:avoid}
 section>p{break-after:avoid}
 h2,h3,caption{break-after:avoid}
 figure .wide img{min-width:0}
 .beside{grid-template-columns:1fr 1fr}
 pre{white-space:pre-wrap}
}
"""
