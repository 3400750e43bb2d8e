"""The training report of a model in service: the HTML file beside its artifact."""

from pathlib import Path
from typing import Final

from model.artifacts.repository import report_of
from model.artifacts.safe_read import read_file
from model.errors import ArtifactError
from service.codecs.charge import Charge
from service.problems import Problem
from service.registry.model_version import ModelVersion

MAX_REPORT_BYTES: Final = 32 * 1024 * 1024  # fixed; a report with pictures has about 1 MB
HEAD_BYTES: Final = 4096  # of a report, in which it states its artifact


def read_report(model_version: ModelVersion, charge: Charge) -> bytes:
    """Return the report of a version, in UTF-8.

    It is read from the file NAME.report.html beside the artifact, and only if it states the digest
    of this version.

    Args:
        model_version: The version.
        charge: Charges the memory of the report to the request.

    Raises:
        Problem: 404, because there is no such file, or it is of another version.
    """
    content = None if model_version.path is None else _read(report_of(model_version.path), charge)
    if content is None:
        raise Problem(404, "There is no report beside the artifact of this version.")
    if not _is_of(model_version, content):
        detail = "The report beside the artifact is of another version; `malignancy report` "
        raise Problem(404, f"{detail}writes a new one.")
    return content


def has_report(model_version: ModelVersion) -> bool:
    """Return True if `read_report` finds the report of a version."""
    if model_version.path is None:
        return False
    try:
        with report_of(model_version.path).open("rb") as file:
            return _is_of(model_version, file.read(HEAD_BYTES))
    except OSError:
        return False


def _is_of(model_version: ModelVersion, content: bytes) -> bool:
    stated = f'<meta name="malignancy-artifact" content="{model_version.predictor.version}">'
    return stated.encode() in content[:HEAD_BYTES]


def _read(path: Path, charge: Charge) -> bytes | None:
    """Return the content of a file; None if it is missing, too large or no regular file."""
    try:
        size = path.stat().st_size
        if size > MAX_REPORT_BYTES:
            return None
        charge(size)
        return read_file(path, size)
    except (OSError, ArtifactError):
        return None
