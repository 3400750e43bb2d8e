"""The command `report`."""

from pathlib import Path
from typing import Annotated

import typer

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.artifacts.exclusive import exclusive
from model.artifacts.mirror import is_copy
from model.artifacts.repository import report_of
from model.cli.app import ArtifactArgument, console, prepare, refuse_same
from model.errors import MalignancyError


def report_command(
    source: ArtifactArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="HTML file.", show_default="NAME.report.html next to ARTIFACT"
        ),
    ] = None,
) -> None:
    """Write the report of an artifact: one HTML file with metrics, curves and a model card.

    Only the report of `train` has the loss curve and the distributions of features.
    """
    from model.evaluation.report.document import report

    if output is None and is_copy(source):
        raise MalignancyError("--output is needed for an artifact in an object store")
    predictor = artifact.load(source)
    path = output or report_of(source)
    refuse_same(path, source, "the artifact")
    content = report(predictor, None, {}).encode()
    prepare(path)
    with exclusive(path):  # a training that is writing the artifact also writes its report
        write_atomically(path, content)
    console.print(f"{path}  {predictor.title}", soft_wrap=True)
