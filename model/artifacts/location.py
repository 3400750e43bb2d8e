"""Locations of artifacts: paths of this machine, and URIs of object stores."""

from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from model.artifacts.remote import check_uri, has_scheme
from model.artifacts.repository import SUFFIX
from model.errors import ObjectStoreError

# A path, or the URI of an artifact or a folder of versions in an object store.
Location = Path | str


def parse_location(text: str) -> Location:
    """Return the path or the URI in a text; file:///PATH is a path.

    Args:
        text: A path, or a URI as `model.artifacts.remote.check_uri` describes.

    Raises:
        ObjectStoreError: The text begins as a URI and is not valid; the error does not contain it.
    """
    if not has_scheme(text):
        return Path(text)
    check_uri(text)
    if text[: len("file://")].lower() == "file://":
        return Path(unquote(text[len("file://") :]))
    return text.rstrip("/")


def split_uri(uri: str) -> tuple[str, str | None]:
    """Return the folder of a URI, and the name of the artifact in it; None if it names a folder.

    Args:
        uri: A URI; one that ends in `.joblib` names an artifact.

    Raises:
        ObjectStoreError: An artifact has no bucket.
    """
    if not uri.endswith(SUFFIX):
        return uri, None
    folder, _, name = uri.rpartition("/")
    if folder.endswith("/"):
        raise ObjectStoreError("the URI of an artifact must name a bucket")
    return folder, name


def name_of(location: Location) -> str:
    """Return the last segment of a location, for a log line or an error."""
    return location.name if isinstance(location, Path) else PurePosixPath(location).name
