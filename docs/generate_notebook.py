"""Generate examples/quickstart.ipynb from the cells of examples/quickstart.py.

Run it after a change of the script:  python docs/generate_notebook.py
"""

import json
import re
from pathlib import Path
from typing import Any, Final

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
SCRIPT: Final = EXAMPLES / "quickstart.py"
NOTEBOOK: Final = EXAMPLES / "quickstart.ipynb"
_CELL: Final = re.compile(r"^# %%(.*)\n", re.MULTILINE)
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook(script: str) -> str:
    """Return the JSON of a notebook without outputs.

    Args:
        script: A script with cells: `# %%` before code, `# %% [markdown]` before comments.
    """
    _, *parts = _CELL.split(script)
    cells = [
        _cell(number, "markdown" in kind, text.strip())
        for number, (kind, text) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    content = {"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, is_markdown: bool, text: str) -> dict[str, Any]:
    if is_markdown:
        text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    cell = {"id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
    if is_markdown:
        return {"cell_type": "markdown", **cell}
    return {"cell_type": "code", "execution_count": None, "outputs": [], **cell}


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")
