"""The program that the commands belong to: how it starts, shows, and says what went wrong."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from model.errors import MalignancyError
from model.training.recipes.recipe import bundled_recipes

INTERRUPTED = 130  # as shells have it: 128 + SIGINT

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
# Where no terminal says how wide it is, tables are as wide as they need.
_width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
console = Console(highlight=False, width=_width)

RecipeArgument = Annotated[
    str,
    typer.Argument(help=f"A recipe file, or one of {', '.join(bundled_recipes())}."),
]
ArtifactArgument = Annotated[Path, typer.Argument(metavar="ARTIFACT", help="The artifact's file.")]
JobsOption = Annotated[int, typer.Option(min=1, help="Processes that work at once.")]
ClusterOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Dask scheduler, whose workers do it instead."),
]


@app.callback()
def _program() -> None:
    """Train a network by a recipe, and write the artifact that the service serves."""


def main() -> None:
    """Run the program. What it refuses is one line on stderr and exit code 2, no traceback."""
    try:
        app()
    except MalignancyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as stop:  # typer says nothing of Ctrl-C
        if isinstance(getattr(stop.__context__, "__cause__", None), KeyboardInterrupt):
            print("interrupted: nothing was saved", file=sys.stderr)
        raise


def prepare(file: Path, option: str = "--output") -> None:
    """Make the folder that a file goes to; refuse a file that is a folder."""
    if file.is_dir():
        raise MalignancyError(f"{option}: {file} is a folder, it must be a file")
    file.parent.mkdir(parents=True, exist_ok=True)


def refuse_same(file: Path, other: Path, what: str, option: str = "--output") -> None:
    """Refuse to write a file over another one that is still needed."""
    if file.resolve() == other.resolve():
        raise MalignancyError(f"{option}: {file} is {what} itself, it must be another file")


def to_right(table: Table, *left: str) -> Table:
    """The table with its columns aligned at the right, but for those of these headers."""
    for column in table.columns:
        column.justify = "left" if column.header in left else "right"
    return table


JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for another program.")]
