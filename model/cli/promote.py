"""The command `promote`: choose the version of a folder that is served."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.cli.app import ArtifactArgument, console, to_right
from model.errors import MalignancyError
from model.metrics.comparison import is_judged, is_worse
from model.pipelines.gate import active_beside, compare_artifacts
from model.prediction.predictor import Predictor


def promote_command(
    source: ArtifactArgument,
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

    Services of that folder load it within 2 s, without losing a request.
    """
    predictor = artifact.load(source)
    predictor.replay_self_test()
    active = active_beside(source) if unless_worse else None
    if active is not None:
        _require_not_worse(active, predictor)
    make_current(source)
    console.print(f"{predictor.title} is the active version in {source.parent}", soft_wrap=True)


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
