"""Write docs/reference/cli.md from the commands: python docs/generate_cli.py."""

import inspect
from pathlib import Path
from typing import Any

import typer

from model.cli import app
from model.cli.commands import GROUPS

PAGE = Path(__file__).parent / "reference" / "cli.md"
INTRODUCTION = """\
# Commands

<!-- Generated from model/cli by docs/generate_cli.py; do not edit. -->

`malignancy COMMAND`, or `python -m model COMMAND`. The service is also `python -m service`. An
error is one line on standard error, and a wrong option or argument a short box; the exit code is 2.
Ctrl-C ends a command with exit code 130.

"""


def cli_page() -> str:
    """Return the text of docs/reference/cli.md."""
    root = typer.main.get_command(app)
    overview = "| command | purpose |\n|---|---|\n"
    sections = ""
    for group, commands in GROUPS.items():
        sections += f"\n## {group}\n"
        for command in commands:
            anchor = f"malignancy-{command.name.replace(' ', '-')}"
            summary, *paragraphs = inspect.cleandoc(command.function.__doc__ or "").split("\n\n")
            summary = " ".join(summary.split())
            overview += f"| [`malignancy {command.name}`](#{anchor}) | {summary} |\n"
            sections += f"\n### malignancy {command.name}\n\n{summary}\n"
            for paragraph in paragraphs:
                sections += f"\n{' '.join(paragraph.split())}\n"
            sections += f"\n    malignancy {command.example}\n"
            sections += _parameters(_find(root, command.name))
    return INTRODUCTION + overview + sections


def _find(root: Any, name: str) -> Any:
    for part in name.split():
        root = root.commands[part]
    return root


def _parameters(command: Any) -> str:
    rows = ""
    for parameter in command.params:
        if parameter.name == "help":
            continue
        is_argument = parameter.param_type_name == "argument"
        name = parameter.metavar or parameter.name.upper()
        if not is_argument:
            name = " / ".join(parameter.opts)
            if not parameter.is_flag:
                name += f" {parameter.metavar or parameter.name.upper()}"
        default = parameter.show_default if isinstance(parameter.show_default, str) else None
        if default is None and not getattr(parameter, "is_flag", False):
            value = parameter.default
            if isinstance(value, str | int | float | Path):
                default = f"`{value}`"
            elif isinstance(value, tuple | list) and value:
                default = ", ".join(f"`{each}`" for each in value)
        if parameter.required:
            default = "required"
        rows += f"| `{name}` | {default or ''} | {(parameter.help or '').strip()} |\n"
    return f"\n| argument or option | default | meaning |\n|---|---|---|\n{rows}" if rows else ""


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")
