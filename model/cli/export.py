"""The command `export onnx`."""

from pathlib import Path
from typing import Annotated

import typer

from model.artifacts import artifact
from model.artifacts.atomic_write import write_atomically
from model.cli.app import ArtifactArgument, console, prepare, refuse_same
from model.export.onnx_model import to_onnx


def export_onnx_command(
    source: ArtifactArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="ONNX file.", show_default="ARTIFACT with the suffix .onnx"
        ),
    ] = None,
) -> None:
    """Convert a model to ONNX: raw rows in, NaN for missing values, probabilities out.

    Requires the extra onnx: pip install 'malignancy[onnx]'.
    """
    predictor = artifact.load(source)
    path = output or source.with_suffix(".onnx")
    refuse_same(path, source, "the artifact")
    content = to_onnx(predictor)
    prepare(path)
    write_atomically(path, content)
    console.print(f"{path}  {predictor.title}", soft_wrap=True)
