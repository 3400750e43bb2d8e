"""The command `recipes`: list the bundled recipes."""

from rich.table import Table

from model.cli.app import console
from model.training.recipes.bundled import bundled_recipes
from model.training.recipes.recipe import load_recipe


def recipes_command() -> None:
    """List the bundled recipes. Comments in their files say what to expect of each."""
    table = Table("recipe", "description", box=None)
    for name in bundled_recipes():
        table.add_row(name, load_recipe(name).facts["description"])
    console.print(table)
