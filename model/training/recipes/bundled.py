"""Bundled recipes and their tables, as files of the installed package or of a checkout."""

from importlib import resources
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(str(resources.files("model")))
BUNDLED: Final = PACKAGE / "recipes"


def bundled_recipes() -> list[str]:
    """Return the names of the recipes that the package contains, sorted."""
    return sorted(path.stem for path in BUNDLED.glob("*.toml"))


def bundled_data() -> Path:
    """Return the folder of the tables: `model/data` of a wheel, `data` of a checkout."""
    installed = PACKAGE / "data"
    return installed if installed.is_dir() else PACKAGE.parent / "data"


def table_path(recipe: Path, file: str) -> Path:
    """Return the path of a recipe's table.

    Args:
        recipe: The path of the recipe.
        file: The path of the table as the recipe gives it: relative to the folder of the recipe, or
            absolute; relative to `bundled_data()` in a bundled recipe.
    """
    is_bundled = recipe.resolve().parent == BUNDLED.resolve()
    return (bundled_data() if is_bundled else recipe.parent) / file
