"""Write docs/reference/settings.md from the class Settings: python docs/generate_settings.py."""

from pathlib import Path
from typing import get_args

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from service.settings import DEPRECATED, PREFIX, Settings

PAGE = Path(__file__).parent / "reference" / "settings.md"
INTRODUCTION = """\
# Settings

<!-- Generated from service/settings.py by docs/generate_settings.py; do not edit. -->

The service reads these environment variables. Each is also a flag, which overrides the variable:
`MALIGNANCY_MAX_ROWS=1000` is `--max-rows 1000`. Empty variables are ignored. An invalid value stops
the start with exit code 2; the message names the variable, the flag and the rule, and does not
repeat the value. Limits without a setting are listed in
[Limits](limits.md).

| variable | default | values | meaning |
|---|---|---|---|
"""
DEPRECATIONS = """
## Deprecated names

These names work until 2.0, with a warning; see [Compatibility](compatibility.md#deprecation).

| name | use instead |
|---|---|
"""
UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def settings_page() -> str:
    """Return the text of docs/reference/settings.md."""
    rows = "".join(
        f"| `{PREFIX}{name.upper()}` | {_default(name, field)} | {_values(field)} "
        f"| {(field.description or '').replace('|', chr(92) + '|')} |\n"
        for name, field in Settings.model_fields.items()
    )
    deprecated = "".join(
        f"| `{PREFIX}{old.upper()}` | `{PREFIX}{new.upper()}` |\n"
        for old, new in DEPRECATED.items()
    )
    return INTRODUCTION + rows + DEPRECATIONS + deprecated


def _default(name: str, field: FieldInfo) -> str:
    if field.default is None:
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    for size, unit in UNITS:
        if name.endswith("_bytes") and field.default % size == 0:
            return f"`{field.default}` ({field.default // size} {unit})"
    return f"`{field.default}`"


def _values(field: FieldInfo) -> str:
    """Return the range of a number or the choices of a text."""
    choices = get_args(field.annotation)
    if choices and all(isinstance(each, str) for each in choices):
        return ", ".join(f"`{each}`" for each in choices)
    if field.annotation is bool:
        return "`true`, `false`"
    low = next((f"{rule.ge}" for rule in field.metadata if isinstance(rule, Ge)), "")
    above = next((f"{rule.gt}" for rule in field.metadata if isinstance(rule, Gt)), "")
    high = next((f"{rule.le}" for rule in field.metadata if isinstance(rule, Le)), "")
    if above:
        return f"above {above}"
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else ""


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
