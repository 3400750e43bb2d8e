"""`keygen` and `sign`: artifacts that a service takes from nobody else."""

from pathlib import Path
from typing import Annotated

import typer

from model.artifacts import artifact
from model.artifacts.signing import make_keys, read_private_key, sign
from model.cli.app import ArtifactArgument, console, prepare


def keygen_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Where the private key goes.")],
) -> None:
    """Make a key to sign artifacts by, which only you can read; its public key is PATH.pub.

    Needs the package cryptography: pip install 'malignancy[signing]'.
    """
    prepare(path, "PATH")
    public = make_keys(path)
    console.print(f"{path}  the private key, to sign by: keep it to yourself", soft_wrap=True)
    console.print(f"{public}  the public key, for MALIGNANCY_ARTIFACT_PUBLIC_KEY", soft_wrap=True)


def sign_command(
    source: ArtifactArgument,
    key: Annotated[Path, typer.Option(help="The private key's file, as `keygen` makes it.")],
) -> None:
    """Sign an artifact, once its self-test rows come out right: ARTIFACT.sig, beside it.

    Needs the package cryptography: pip install 'malignancy[signing]'.
    """
    private = read_private_key(key)
    read: list[bytes] = []
    # What is signed are the bytes that were read and found good.
    predictor = artifact.load(source, lambda _, content: read.append(content))
    predictor.replay_self_test()
    signature = sign(source, read[0], private)
    console.print(f"{signature}  {predictor.title}", soft_wrap=True)
