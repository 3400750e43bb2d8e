"""The commands `predict` and `explain`: add columns to the rows of a file."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

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
from model.errors import DataError, MalignancyError
from model.explanation.reference import reference_of
from model.explanation.table_columns import explanation_columns
from model.pipelines.score_file import ERROR, ScoredTable, score_file

TableArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A table: text with a header row, Parquet, Arrow or Excel.",
    ),
]
OnErrorOption = Annotated[
    Literal["mark", "refuse"],
    typer.Option(help="Give an invalid row a text in a column `error`, or refuse the file."),
]


def predict_command(
    source: ArtifactArgument,
    file: TableArgument,
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
    on_error: OnErrorOption = "mark",
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
) -> None:
    """Add predictions to a table of any length, in constant memory.

    The new columns are probability and label, or those of the model's kind of target; `imputed`,
    `clipped` and `unknown` where these may occur; and `error`, the broken rules of an invalid row.
    They begin with `predicted_` if the table has a column of one of these names.
    """
    predictor = artifact.load(source)
    target = predictor.schema.target
    if threshold is not None and not target.has_threshold:
        raise MalignancyError(f"--threshold: a {target.task} model has no threshold")
    path = output or _default_path(file, "scored")
    prepare(path)
    for other, what in ((file, "the table"), (source, "the artifact")):
        refuse_same(path, other, what)
    above = predictor.threshold if threshold is None else threshold
    mark = on_error == "mark"
    scored = score_file(predictor, file, path, above, jobs, cluster, mark=mark)
    at = f", threshold {above:g}" if target.has_threshold else ""
    predicted = scored.rows - scored.marked
    console.print(f"{path}  {predicted} rows predicted by {predictor.title}{at}", soft_wrap=True)
    _print_notes(scored)


def explain_command(
    source: ArtifactArgument,
    file: TableArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of the table with explanations.",
            show_default="FILE.explained.csv or FILE.explained.parquet",
        ),
    ] = None,
    reference: Annotated[
        Literal["training", "negative", "positive", "typical"],
        typer.Option(help="The rows that Shapley values compare with."),
    ] = "training",
    on_error: OnErrorOption = "mark",
    jobs: JobsOption = 1,
    cluster: ClusterOption = None,
) -> None:
    """Add predictions and their explanations to a table.

    Beside the columns of `predict`: a Shapley value for each feature, on the probability or the
    number; the smallest change of the row that changes the label; the prediction set or interval;
    the range of the middle 90 % of an ensemble's members; and the distance from the training rows.
    """
    predictor = artifact.load(source)
    try:
        rows = len(reference_of(predictor, reference).inputs)
    except DataError as error:
        raise MalignancyError(f"--reference: {error}") from None
    path = output or _default_path(file, "explained")
    prepare(path)
    for other, what in ((file, "the table"), (source, "the artifact")):
        refuse_same(path, other, what)
    scored = score_file(
        predictor,
        file,
        path,
        predictor.threshold,
        jobs,
        cluster,
        mark=on_error == "mark",
        columns_of=partial(explanation_columns, reference),
    )
    explained = scored.rows - scored.marked
    against = f"against {rows} {reference} row" + ("s" if rows > 1 else "")
    console.print(
        f"{path}  {explained} rows explained by {predictor.title}, {against}", soft_wrap=True
    )
    _print_notes(scored)


def _default_path(file: Path, word: str) -> Path:
    """Return the file that a table is written to by default: Parquet for Parquet, else CSV.

    Args:
        file: The table.
        word: What was done, a part of the name.
    """
    is_parquet = file.suffix.lower() in (".parquet", ".pq")
    if file.suffix.lower() in (".gz", ".zst"):
        file = file.with_suffix("")
    return file.with_suffix(f".{word}.parquet" if is_parquet else f".{word}.csv")


def _print_notes(scored: ScoredTable) -> None:
    """Print what a user should know of a written table: invalid rows, and other names.

    Args:
        scored: What was written.
    """
    if scored.marked:
        column = scored.prefix + ERROR
        console.print(f"rows without a prediction: {scored.marked}; the column {column} says why")
    if scored.prefix:
        console.print(
            f"names of the new columns begin with {scored.prefix}, since the table has one of them"
        )
