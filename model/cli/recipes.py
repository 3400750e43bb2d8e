"""`recipes`: the bundled ones."""

import typer
from rich.table import Table

from model.cli.app import console
from model.training.recipes.recipe import bundled_recipes, load_recipe


def register(app: typer.Typer) -> None:
    """Make these commands part of the program."""
    app.command("recipes", epilog="Example: python -m model recipes")(recipes_command)


def recipes_command() -> None:
    """List the recipes that come with the program. Their files say what to expect of each."""
    table = Table("recipe", "what it shows", box=None)
    for name in bundled_recipes():
        table.add_row(name, load_recipe(name).description)
    console.print(table)
