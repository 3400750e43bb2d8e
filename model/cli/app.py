"""The program of the commands: start, shared options, output and error messages."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from model.artifacts.location import parse_location
from model.artifacts.mirror import local_artifact
from model.errors import MalignancyError

INTERRUPTED = 130  # 128 + SIGINT, the exit code of an interrupted program

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode="markdown")
# Without a terminal, tables take up to 160 columns.
_width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
console = Console(highlight=False, width=_width)

RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe file, or the name of a bundled recipe (malignancy recipes lists them).",
    ),
]


def _artifact_path(text: str) -> Path:
    """Return the path of an artifact; one in an object store is copied."""
    location = parse_location(text)
    return location if isinstance(location, Path) else local_artifact(location)


def _local_path(text: str) -> Path:
    location = parse_location(text)
    if not isinstance(location, Path):
        raise MalignancyError("ARTIFACT must be a local file, not a URI")
    return location


ArtifactArgument = Annotated[
    Path,
    typer.Argument(
        metavar="ARTIFACT",
        help="An artifact file, or its URI in an object store (s3://, gs://, abfs://).",
        parser=_artifact_path,
    ),
]
LocalArtifactArgument = Annotated[
    Path, typer.Argument(metavar="ARTIFACT", help="An artifact file.", parser=_local_path)
]
JobsOption = Annotated[
    int, typer.Option(min=1, metavar="NUMBER", help="Number of parallel processes.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Address of a Dask scheduler; its workers replace the processes of --jobs.",
        show_default="none",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"malignancy {version('malignancy')}")
        raise typer.Exit


@app.callback()
def _program(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train neural networks on tables, evaluate them, and serve them over REST."""


def main() -> None:
    """Run the program. An error is one line on standard error and exit code 2, no traceback."""
    try:
        app()
    except MalignancyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as stop:  # typer does not report Ctrl-C
        if isinstance(getattr(stop.__context__, "__cause__", None), KeyboardInterrupt):
            print("interrupted: nothing was saved", file=sys.stderr)
        raise


def prepare(file: Path, option: str = "--output") -> None:
    """Create the folder of an output file.

    Args:
        file: The file that will be written.
        option: The option that names it, for the error.

    Raises:
        MalignancyError: `file` is a folder.
    """
    if file.is_dir():
        raise MalignancyError(f"{option}: {file} is a folder, it must be a file")
    file.parent.mkdir(parents=True, exist_ok=True)


def refuse_same(file: Path, other: Path, what: str, option: str = "--output") -> None:
    """Refuse to overwrite a file that is still needed.

    Args:
        file: The file that will be written.
        other: The file that is needed.
        what: A description of `other`, for the error.
        option: The option that names `file`, for the error.

    Raises:
        MalignancyError: The two are the same file.
    """
    if file.resolve() == other.resolve():
        raise MalignancyError(f"{option}: {file} is {what} itself, it must be another file")


def to_right(table: Table, *left: str) -> Table:
    """Align the columns of a table at the right.

    Args:
        table: The table; it is changed.
        *left: Headers of columns that stay aligned at the left.

    Returns:
        The same table.
    """
    for column in table.columns:
        column.justify = "left" if column.header in left else "right"
    return table
