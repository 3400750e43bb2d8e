"""The header Accept-Encoding: the coding in which an answer is sent.

Source: RFC 9110, section 12.5.3.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from service.codecs.accept import parse_media_range
from service.compression.codings import ALIASES, GZIP, IDENTITY, ZSTD, Headers, zstd_module
from service.problems import Problem

LEAST_WEIGHT: Final = 0.0001  # less than any that a client can give


class AcceptedCoding(NamedTuple):
    """How a client accepts answers.

    Attributes:
        name: The preferred coding of those that the service supports; None to send as it is.
        required: True if the client excludes what is not compressed.
    """

    name: str | None
    required: bool = False


NO_CODING: Final = AcceptedCoding(None)


def accepted_coding(headers: Headers) -> AcceptedCoding:
    """Return how a client accepts answers.

    Args:
        headers: Names in lower case, and values.

    Raises:
        Problem: The header excludes every coding, and also what is not compressed (406).
    """
    values = [value for name, value in headers if name == b"accept-encoding"]
    return _parse(b",".join(values)) if values else NO_CODING


def accepts_gzip(headers: Headers) -> bool:
    """Return True if a client accepts gzip at least as much as what is not compressed.

    Args:
        headers: Names in lower case, and values.
    """
    values = [value for name, value in headers if name == b"accept-encoding"]
    gzip, identity = _gzip_and_identity(_weights(b",".join(values)))
    return gzip > 0 and gzip >= identity


def _weights(header: bytes) -> dict[str, float]:
    ranges = [parse_media_range(each) for each in header.decode("latin-1").split(",")]
    return {ALIASES.get(each.name, each.name): each.weight for each in ranges if each.name}


def _gzip_and_identity(weights: dict[str, float]) -> tuple[float, float]:
    any_other = weights.get("*")
    identity = weights.get(IDENTITY, LEAST_WEIGHT if any_other is None else any_other)
    return weights.get(GZIP, any_other or 0.0), identity


@lru_cache(maxsize=64)
def _parse(header: bytes) -> AcceptedCoding:
    weights = _weights(header)
    gzip, identity = _gzip_and_identity(weights)
    candidates = {GZIP: gzip}
    if weights.get(ZSTD) and zstd_module() is not None:  # * means a coding that all clients know
        candidates = {ZSTD: weights[ZSTD], **candidates}
    best = max(candidates, key=candidates.__getitem__)
    if candidates[best] and candidates[best] >= identity:
        return AcceptedCoding(best, required=not identity)
    if identity:
        return NO_CODING
    detail = "The answer is compressed as gzip or not at all, which Accept-Encoding excludes."
    raise Problem(406, detail)
