"""The commands `keygen` and `sign`: signatures of artifacts."""

from pathlib import Path
from typing import Annotated

import typer

from model.artifacts import artifact
from model.artifacts.signing import make_keys, read_private_key, sign
from model.cli.app import LocalArtifactArgument, console, prepare


def keygen_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="File of the private key.")],
) -> None:
    """Create a key pair for signatures: PATH, readable by you only, and PATH.pub.

    Requires the extra signing: pip install 'malignancy[signing]'.
    """
    prepare(path, "PATH")
    public = make_keys(path)
    console.print(f"{path}  private key for signatures: keep it secret", soft_wrap=True)
    console.print(f"{public}  public key for MALIGNANCY_ARTIFACT_PUBLIC_KEY", soft_wrap=True)


def sign_command(
    source: LocalArtifactArgument,
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Private key file, as created by keygen.")
    ],
) -> None:
    """Sign an artifact after its self-test passed, and write ARTIFACT.sig next to it.

    Requires the extra signing: pip install 'malignancy[signing]'.
    """
    private = read_private_key(key)
    read: list[bytes] = []
    # The signature covers the bytes that were read and checked.
    predictor = artifact.load(source, lambda _, content: read.append(content))
    predictor.replay_self_test()
    signature = sign(source, read[0], private)
    console.print(f"{signature}  {predictor.title}", soft_wrap=True)
