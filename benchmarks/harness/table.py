"""Tables of figures as text."""

from collections.abc import Iterable, Sequence

WIDTH = 11


def line(title: str, cells: Iterable[str | float]) -> str:
    """Return a line of a table; a figure that is not finite is a dash.

    Args:
        title: The first cell.
        cells: The other cells; figures have three significant digits.
    """
    return f"  {title:34}" + "".join(f"{_text(cell):>{WIDTH}}" for cell in cells)


def show(title: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[float]]]) -> None:
    """Print a table.

    Args:
        title: The title.
        columns: The heads of all columns but the first.
        rows: The first cell and the figures of each row.
    """
    print(f"\n{title}\n{line('', columns)}")
    for name, figures in rows:
        print(line(name, figures), flush=True)


def _text(cell: str | float) -> str:
    if isinstance(cell, str):
        return cell
    if cell != cell:
        return "-"
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
