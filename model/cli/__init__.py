"""The command line of the offline program: `malignancy`, or `python -m model`."""

from model.cli.app import app, main
from model.cli.commands import register

__all__ = ["app", "main"]

register(app)
