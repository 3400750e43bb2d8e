"""Tables of figures in Markdown, aligned so that they are readable as text."""

from collections.abc import Iterable, Sequence

FIRST, WIDTH = 48, 11  # of the first column, and of the others


def show(
    title: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str | float]]]
) -> None:
    """Print a table.

    Args:
        title: The title.
        columns: The heads of all columns but the first.
        rows: The first cell and the other cells of each row. Figures have three significant digits;
            one that is not a number is a dash.
    """
    print(f"\n{title}\n")
    print(_line("", columns))
    print(_line("---", ["---:"] * len(columns)))
    for name, cells in rows:
        print(_line(name, map(_text, cells)), flush=True)


def at_most(title: str, measured: float, goal: float) -> tuple[str, tuple[float, str, str]]:
    """Return a row of a table of goals.

    Args:
        title: What was measured.
        measured: The figure.
        goal: The largest figure that meets the goal.
    """
    return title, (measured, f"≤ {goal:g}", "yes" if measured <= goal else "no")


def at_least(title: str, measured: float, goal: float) -> tuple[str, tuple[float, str, str]]:
    """Return a row of a table of goals.

    Args:
        title: What was measured.
        measured: The figure.
        goal: The smallest figure that meets the goal.
    """
    return title, (measured, f"≥ {goal:g}", "yes" if measured >= goal else "no")


def _line(first: str, others: Iterable[str]) -> str:
    return f"| {first:{FIRST}} |" + "".join(f" {each:>{WIDTH}} |" for each in others)


def _text(cell: str | float) -> str:
    if isinstance(cell, str):
        return cell
    if cell != cell:
        return "-"
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
