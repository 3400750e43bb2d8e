"""The command `promote`: choose the version of a folder that is served."""

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.cli.app import ArtifactArgument, console


def promote_command(source: ArtifactArgument) -> None:
    """Make an artifact the active version of its folder, after its self-test passed.

    Services of that folder load it within 2 s, without losing a request.
    """
    predictor = artifact.load(source)
    predictor.replay_self_test()
    make_current(source)
    console.print(f"{predictor.title} is the active version in {source.parent}", soft_wrap=True)
