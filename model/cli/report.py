"""`report`."""

from pathlib import Path
from typing import Annotated

import typer

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.cli.app import ArtifactArgument, console, prepare, refuse_same
from model.evaluation.report.document import report


def report_command(
    source: ArtifactArgument,
    output: Annotated[
        Path | None,
        typer.Option(help="Where the report goes.  [default: beside it, as NAME.report.html]"),
    ] = None,
) -> None:
    """Write an artifact's report: one HTML file, to decide whether to trust the model.

    Without the loss curve and the features' distributions, which only `train` has.
    """
    predictor = artifact.load(source)
    path = output or source.with_name(f"{source.stem}.report.html")
    refuse_same(path, source, "the artifact")
    content = report(predictor, None, {}).encode()
    prepare(path)
    write_atomically(path, content)
    console.print(f"{path}  {predictor.title}", soft_wrap=True)
