"""`promote`: which version of a folder is served."""

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.cli.app import ArtifactArgument, console


def promote_command(source: ArtifactArgument) -> None:
    """Make an artifact the current one of its folder, once its self-test rows come out right.

    Services of that folder take it over within two seconds, without a lost request.
    """
    predictor = artifact.load(source)
    predictor.replay_self_test()
    make_current(source)
    console.print(f"{predictor.title} is current in {source.parent}", soft_wrap=True)
