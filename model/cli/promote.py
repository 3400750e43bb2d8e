"""The command `promote`: choose the version of a folder that is served."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from model.artifacts import artifact
from model.artifacts.location import Location, parse_location, split_uri
from model.artifacts.mirror import Mirror, local_artifact
from model.artifacts.publishing import artifact_names, make_current_at, upload
from model.artifacts.repository import make_current
from model.cli.app import console, to_right
from model.errors import MalignancyError
from model.metrics.comparison import is_judged, is_worse
from model.pipelines.gate import active_beside, compare_artifacts
from model.prediction.predictor import Predictor


def promote_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="ARTIFACT",
            help="An artifact file, or the URI of one in an object store (s3://, gs://, abfs://).",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Folder in an object store, to which the file is uploaded with its signature and "
            "its report.",
            show_default="the folder of ARTIFACT",
        ),
    ] = None,
    unless_worse: Annotated[
        bool,
        typer.Option(
            "--unless-worse",
            help="Refuse an artifact that is significantly worse than the active version on the "
            "test or validation rows that both hold; the exit code is then 1.",
        ),
    ] = False,
) -> None:
    """Make an artifact the active version of its folder, after its self-test passed.

    Services of that folder load it within 2 s, or within 12 s from an object store, without losing
    a request.
    """
    location = parse_location(source)
    folder = None if to is None else _folder(to, location)
    path = location if isinstance(location, Path) else local_artifact(location)
    read: list[bytes] = []
    # The bytes that are uploaded are those that were checked.
    predictor = artifact.load(path, lambda _, content: read.append(content))
    predictor.replay_self_test()
    if not isinstance(location, Path):
        folder = split_uri(location)[0]
    active = None
    if unless_worse:
        active = active_beside(path) if folder is None else _active_in(folder, path.name)
    if active is not None:
        _require_not_worse(active, predictor)
    if folder is None:
        make_current(path)
    else:
        make_current_at(upload(path, read[0], folder) if to is not None else str(location))
    console.print(
        f"{predictor.title} is the active version in {folder or path.parent}", soft_wrap=True
    )


def _folder(to: str, source: Location) -> str:
    """Return the URI of the folder to upload to."""
    folder = parse_location(to)
    if isinstance(folder, Path) or split_uri(folder)[1] is not None:
        raise MalignancyError("--to must be the URI of a folder, such as s3://BUCKET/FOLDER")
    if not isinstance(source, Path):
        raise MalignancyError("--to needs a local ARTIFACT, not a URI")
    return folder


def _active_in(folder: str, name: str) -> Path | None:
    """Return a copy of the active version of a folder in an object store, as `active_beside`."""
    if not artifact_names(folder):
        return None
    mirror = Mirror(folder)
    mirror.copy_and_wait()
    return active_beside(mirror.folder / name)


def _require_not_worse(active: Path, candidate: Predictor) -> None:
    before = artifact.load(active)
    figures = compare_artifacts(before, candidate)
    console.print(
        f"{figures['rows']} {candidate.part_names[figures['part']]} rows: "
        f"{before.title}, active, and {candidate.title}",
        soft_wrap=True,
    )
    console.print(_table(figures))
    if not is_judged(figures):
        raise MalignancyError("the artifact cannot be judged: there are fewer than 10 groups")
    worse = is_worse(figures)
    if worse:
        names = ", ".join(name.replace("_", " ") for name in worse)
        console.print(f"not promoted: significantly worse in {names}", soft_wrap=True)
        raise typer.Exit(1)


def _table(figures: dict[str, Any]) -> Table:
    table = Table("figure", "active", "candidate", "difference", "95 % interval")
    for name, each in figures["truth"]["figures"].items():
        interval = each["interval"]
        ends = "too few" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}"
        cells = f"{each['first']:.4f}", f"{each['second']:.4f}", f"{each['difference']:+.4f}"
        table.add_row(name.replace("_", " "), *cells, ends)
    return to_right(table, "figure")
