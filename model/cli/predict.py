"""`predict`: a file's rows, scored."""

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
        Path, typer.Argument(metavar="FILE", help="A table, CSV with a header row or Parquet.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Where the scored table goes.  [default: FILE.scored.csv or .parquet]"),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="A probability above it is positive. [default: its own]"),
    ] = None,
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
) -> None:
    """Add its predictions to a table of any length, in flat memory.

    As columns probability and label, or as the model's kind of target has them.
    """
    predictor = artifact.load(source)
    target = predictor.schema.target
    if threshold is not None and not target.has_threshold:
        raise MalignancyError(f"--threshold: a {target.task} model has none")
    path = output or file.with_suffix(f".scored{file.suffix}")
    prepare(path)
    for other, what in ((file, "the table"), (source, "the artifact")):
        refuse_same(path, other, what)
    above = predictor.threshold if threshold is None else threshold
    rows = score_file(predictor, file, path, above, jobs, cluster)
    at = f", threshold {above:g}" if target.has_threshold else ""
    console.print(f"{path}  {rows} rows by {predictor.title}{at}", soft_wrap=True)
