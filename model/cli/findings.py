"""What `train` and `describe` say beside figures: notices about the table, and baselines."""

from collections.abc import Iterable

from rich.table import Table

from model.cli.app import console, to_right
from model.evaluation.report.findings import baselines_table
from model.prediction.predictor import Predictor


def print_notices(notices: Iterable[str]) -> None:
    """Print notices, a line each."""
    for notice in notices:
        console.print(f"notice: {notice}", soft_wrap=True, markup=False)


def print_findings(predictor: Predictor) -> None:
    """Print the baselines and notices that a training found."""
    examination = predictor.facts.get("examination")
    if examination is not None:
        shown = baselines_table(predictor, examination)
        table = Table(*shown.heads, title=shown.caption)
        for row in shown.rows:
            cells = (each if isinstance(each, str) else f"{each[0]} ({each[1]})" for each in row)
            table.add_row(*cells)
        console.print(to_right(table, ""))
    print_notices(predictor.facts.get("notices") or [])
