"""The command line of the offline program: `python -m model`."""

from model.cli import (
    compare,
    cross_validate,
    describe,
    evaluate,
    export,
    init,
    inspect,
    landscape,
    predict,
    promote,
    recipes,
    report,
    sign,
    train,
)
from model.cli.app import app, main

__all__ = ["app", "main"]

COMMANDS = (
    recipes,
    init,
    describe,
    train,
    evaluate,
    cross_validate,
    predict,
    inspect,
    promote,
    sign,
    report,
    compare,
    landscape,
    export,
)
for _commands in COMMANDS:
    _commands.register(app)
