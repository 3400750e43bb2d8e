"""The command `init`: write a first recipe for a table."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from model.artifacts.atomic_write import write_atomically
from model.cli.app import console, prepare
from model.errors import MalignancyError
from model.pipelines.rehearse import rehearse
from model.training.recipes.drafting.draft import first_recipe
from model.training.recipes.recipe import parse_recipe
from model.training.tables.readers import count_rows, sniff_frame

MAX_NAME_CHARACTERS = 64
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
    """Write a first recipe for a table, with types, ranges, target and group to correct.

    The recipe is tried before it is written: the table is read and one step is trained.
    """
    plain = re.sub(r"[^a-z0-9._-]+", "-", table.stem.lower()).strip("-._")
    name = plain[:MAX_NAME_CHARACTERS].rstrip("-._") or "mine"
    path = output or Path(f"{name}.toml")
    prepare(path)
    if path.exists():
        raise MalignancyError(
            f"--output: {path} exists and may contain corrections: choose another file"
        )
    frame, found = sniff_frame(table, MAX_ROWS)
    place = Path(os.path.relpath(table.resolve(), path.resolve().parent))
    rows = len(frame) if len(frame) < MAX_ROWS else count_rows(table, found.dialect)
    text = first_recipe(frame, place, name, target, found.recipe_keys, rows)
    try:
        rehearse(parse_recipe(text, path))
    except MalignancyError as error:
        raise MalignancyError(f"{table}: no model can be trained from it: {error}") from None
    write_atomically(path, text.encode())
    console.print(f"{table}  {found.description}", soft_wrap=True)
    console.print(f"{path}  correct it, then run: malignancy train {path}", soft_wrap=True)
