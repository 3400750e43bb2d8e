"""The table of commands, in the groups and the order of the help."""

import runpy
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import typer

from model.cli.compare import compare_command
from model.cli.cross_validate import cross_validate_command
from model.cli.describe import describe_command
from model.cli.evaluate import evaluate_command
from model.cli.export import export_onnx_command
from model.cli.init import init_command
from model.cli.inspect import inspect_command
from model.cli.landscape import landscape_command
from model.cli.predict import explain_command, predict_command
from model.cli.promote import promote_command
from model.cli.recipes import recipes_command
from model.cli.report import report_command
from model.cli.sign import keygen_command, sign_command
from model.cli.train import lr_find_command, train_command
from model.cli.tune import tune_command


class Command(NamedTuple):
    """A command of the program.

    Attributes:
        name: Its name on the command line; two words are a command of a group.
        function: The function that runs it; its docstring is the help text.
        example: Arguments of an example, without the program's name.
    """

    name: str
    function: Callable[..., Any]
    example: str


def _serve_command(context: typer.Context) -> None:
    """Start the REST service; `serve --help` lists its settings."""
    sys.argv[1:] = context.args
    runpy.run_module("service", run_name="__main__")


def _store_command(context: typer.Context) -> None:
    """Maintain the store of predictions; `store --help` lists its commands."""
    sys.argv[1:] = context.args
    runpy.run_module("service.store.command", run_name="__main__")


def _replay_command(context: typer.Context) -> None:
    """Score stored inputs with a candidate; `replay --help` lists its options."""
    sys.argv[1:] = context.args
    runpy.run_module("service.comparison.command", run_name="__main__")


def _score_command(context: typer.Context) -> None:
    """Score the files of a dataset, on several workers; `score --help` lists its options."""
    sys.argv[1:] = context.args
    runpy.run_module("service.scoring.command", run_name="__main__")


_UNPARSED_COMMANDS = (_serve_command, _store_command, _replay_command, _score_command)

GROUPS: dict[str, tuple[Command, ...]] = {
    "Data": (
        Command("init", init_command, "init patients.csv --target diagnosis"),
        Command("describe", describe_command, "describe wisconsin"),
        Command("recipes", recipes_command, "recipes"),
    ),
    "Train": (
        Command("train", train_command, "train wisconsin --output artifacts/wisconsin.joblib"),
        Command("lr-find", lr_find_command, "lr-find wisconsin"),
        Command(
            "cross-validate",
            cross_validate_command,
            "cross-validate wisconsin --repeats 10 --jobs 2",
        ),
        Command("tune", tune_command, "tune wisconsin --minutes 5 --jobs 2"),
        Command("compare", compare_command, "compare overfit overfit-l2 overfit-dropout"),
        Command("landscape", landscape_command, "landscape article"),
    ),
    "Evaluate": (
        Command(
            "evaluate", evaluate_command, "evaluate artifacts/wisconsin.joblib --threshold 0.3"
        ),
        Command("report", report_command, "report artifacts/wisconsin.joblib"),
        Command("inspect", inspect_command, "inspect artifacts/wisconsin.joblib"),
    ),
    "Predict": (
        Command(
            "predict",
            predict_command,
            "predict artifacts/wisconsin.joblib rows.csv --output out.csv",
        ),
        Command(
            "explain",
            explain_command,
            "explain artifacts/wisconsin.joblib rows.csv --output explained.csv",
        ),
        Command("score", _score_command, "score artifacts/wisconsin.joblib rows/ --to scored/"),
        Command("serve", _serve_command, "serve --artifact artifacts/wisconsin.joblib"),
        Command("store", _store_command, "store stats --store sqlite:///store.db"),
        Command("replay", _replay_command, "replay --candidate new.joblib --days 30"),
    ),
    "Publish": (
        Command("promote", promote_command, "promote artifacts/wisconsin/2026-11.joblib"),
        Command("keygen", keygen_command, "keygen signing.pem"),
        Command("sign", sign_command, "sign artifacts/wisconsin.joblib --key signing.pem"),
        Command(
            "export onnx",
            export_onnx_command,
            "export onnx artifacts/wisconsin.joblib --output wisconsin.onnx",
        ),
    ),
}
SUBGROUPS = {"export": "Convert a model to the format of another program."}
# Commands of the service parse their flags themselves.
UNPARSED = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add all commands to the program."""
    subgroups: dict[str, typer.Typer] = {}
    for panel, commands in GROUPS.items():
        for command in commands:
            group, _, name = command.name.rpartition(" ")
            parent = app
            if group:
                if group not in subgroups:
                    subgroups[group] = typer.Typer(no_args_is_help=True)
                    app.add_typer(
                        subgroups[group], name=group, help=SUBGROUPS[group], rich_help_panel=panel
                    )
                parent = subgroups[group]
            is_unparsed = command.function in _UNPARSED_COMMANDS
            parent.command(
                name,
                epilog=f"Example: malignancy {command.example}",
                rich_help_panel=panel,
                add_help_option=not is_unparsed,
                context_settings=UNPARSED if is_unparsed else None,
            )(command.function)
