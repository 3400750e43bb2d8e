"""The command `predict`: add predictions to the rows of a file."""

from pathlib import Path
from typing import Annotated

import typer

from model.artifacts import artifact
from model.cli.app import (
    ArtifactArgument,
    ClusterOption,
    JobsOption,
    console,
    prepare,
    refuse_same,
)
from model.errors import MalignancyError
from model.pipelines.score_file import score_file


def predict_command(
    source: ArtifactArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A table: text with a header row, Parquet, Arrow or Excel.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of the table with predictions.",
            show_default="FILE.scored.csv or FILE.scored.parquet",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="NUMBER",
            help="Decision threshold: a probability above it is positive.",
            show_default="the model's",
        ),
    ] = None,
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
) -> None:
    """Add predictions to a table of any length, in constant memory.

    The new columns are probability and label, or those of the model's kind of target.
    """
    predictor = artifact.load(source)
    target = predictor.schema.target
    if threshold is not None and not target.has_threshold:
        raise MalignancyError(f"--threshold: a {target.task} model has no threshold")
    path = output or file.with_suffix(f".scored{file.suffix}")
    prepare(path)
    for other, what in ((file, "the table"), (source, "the artifact")):
        refuse_same(path, other, what)
    above = predictor.threshold if threshold is None else threshold
    rows = score_file(predictor, file, path, above, jobs, cluster)
    at = f", threshold {above:g}" if target.has_threshold else ""
    console.print(f"{path}  {rows} rows predicted by {predictor.title}{at}", soft_wrap=True)
