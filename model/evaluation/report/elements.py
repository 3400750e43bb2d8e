"""Elements of the report as plain data, and the formats of its numbers."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
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
    def source(self) -> str:
        """The picture as a data URL."""
        kind = "png" if self.content.startswith(b"\x89PNG") else "svg+xml"
        return f"data:image/{kind};base64,{base64.b64encode(self.content).decode()}"


@dataclass(frozen=True)
class Table:
    """A table; the first column has row headings.

    Attributes:
        caption: Caption above the table.
        heads: Column headings.
        rows: Cells, each a value, or a value and a note to show below it.
        prose: Whether cells hold sentences, which are aligned to the left.
        upright: Whether column headings are turned, so that many narrow columns fit.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    prose: bool = False
    upright: bool = False


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
