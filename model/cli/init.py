"""The command `init`: write a first recipe for a table."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from model.artifacts.atomic_write import write_atomically
from model.cli.app import console, prepare
from model.errors import MalignancyError
from model.training.recipes.drafting.draft import first_recipe
from model.training.tables.readers import read_frame

MAX_ROWS = 100_000  # that are read to write a recipe


def init_command(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="A table: text with a header row, Parquet, Arrow or Excel.",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Target column.",
            show_default="a column with a usual name, such as target or class, or the last column",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recipe file.", show_default="NAME.toml"),
    ] = None,
) -> None:
    """Write a first recipe for a table, with types, ranges, target and group to correct."""
    name = re.sub(r"[^a-z0-9._-]+", "-", table.stem.lower()).strip("-._") or "mine"
    path = output or Path(f"{name}.toml")
    prepare(path)
    if path.exists():
        raise MalignancyError(
            f"--output: {path} exists and may contain corrections: choose another file"
        )
    frame = read_frame(table, MAX_ROWS)
    place = Path(os.path.relpath(table.resolve(), path.resolve().parent))
    write_atomically(path, first_recipe(frame, place, name, target).encode())
    console.print(f"{path}  correct it, then run: malignancy train {path}", soft_wrap=True)
