"""Values of a recipe as TOML spells them, and counts as its comments state them."""

import json
from collections.abc import Mapping


def quoted(text: str) -> str:
    """Return a TOML string; JSON's escapes are a subset of TOML's, but for U+007F."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def listed(texts: list[str]) -> str:
    """Return a TOML array of strings."""
    return f"[{', '.join(map(quoted, texts))}]"


def number(value: float) -> str:
    """Return a TOML number; a whole one without a fraction."""
    return (
        str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
    )


def inline(value: object) -> str:
    """Return a plain value in one line, tables included."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {inline(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, str):
        return quoted(value)
    return json.dumps(value)  # numbers and booleans are spelled alike


def rows(count: int) -> str:
    """Return a number of rows, such as "1 row"."""
    return f"{count} row{'' if count == 1 else 's'}"
