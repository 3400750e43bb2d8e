"""`init`: a first recipe from a table."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from model.artifacts.atomic_write import write_atomically
from model.cli.app import console, prepare
from model.errors import MalignancyError
from model.training.recipes.generate import first_recipe
from model.training.tables.readers import read_frame

MOST_ROWS = 100_000  # that a first recipe is made from


def init_command(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV with a header, or Parquet.")],
    target: Annotated[
        str | None,
        typer.Option(help="The column of the truth.  [default: one called so, or the last]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where the recipe goes.  [default: NAME.toml]")
    ] = None,
) -> None:
    """Write a first recipe for a table: types, ranges, target and group, for you to correct."""
    name = re.sub(r"[^a-z0-9._-]+", "-", table.stem.lower()).strip("-._") or "mine"
    path = output or Path(f"{name}.toml")
    prepare(path)
    if path.exists():
        raise MalignancyError(f"--output: {path} is there already, and may hold your corrections")
    frame = read_frame(table, MOST_ROWS)
    place = Path(os.path.relpath(table.resolve(), path.resolve().parent))
    write_atomically(path, first_recipe(frame, place, name, target).encode())
    console.print(f"{path}  correct it, then: python -m model train {path}", soft_wrap=True)
