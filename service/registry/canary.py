"""Canary: a share of the requests is answered by another version than the active one."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from model.prediction.other_rows import schema_difference
from service.registry.model_version import ModelVersion
from service.request_context import RequestContext

_RANGE: Final = 2**64


class Canary:
    """Chooses the version that answers a request.

    The choice is by a hash of the request's subject, without one of its key's id, without one of
    its request id. So a subject, or the holder of a key, always gets the same version, and requests
    without both are divided at random.

    Args:
        digest: First digits of the SHA-256 of the version's artifact.
        percent: Share of the requests, in percent.
    """

    def __init__(self, digest: str, percent: float) -> None:
        self.digest = digest
        self._limit = percent / 100 * _RANGE
        self._comparable: dict[tuple[str, str], bool] = {}

    def takes(self, request: RequestContext) -> bool:
        """Return whether a request belongs to the share."""
        identity = request.subject or (request.key or request.id).encode()
        key = self.digest.encode()
        found = hashlib.blake2b(identity, digest_size=8, key=key).digest()
        return int.from_bytes(found, "big") < self._limit

    def choose(
        self,
        current: ModelVersion,
        versions: Callable[[], Sequence[ModelVersion]],
        request: RequestContext,
    ) -> ModelVersion:
        """Return the version that answers a request.

        Args:
            current: The active version.
            versions: Returns all versions of the model.
            request: The request.

        Returns:
            The active version, if the request is not in the share, or the model has no other
            version with this digest that takes the same rows.
        """
        if not self.takes(request):
            return current
        return self.version_among(current, versions()) or current

    def version_among(
        self, current: ModelVersion, versions: Sequence[ModelVersion]
    ) -> ModelVersion | None:
        """Return the canary version of a model; None without one that can answer.

        Args:
            current: The active version.
            versions: All versions of the model.
        """
        for each in versions:
            if each.predictor.version.startswith(self.digest):
                pair = current.title, each.title
                if pair not in self._comparable:
                    schemas = current.predictor.schema, each.predictor.schema
                    self._comparable[pair] = schema_difference(*schemas) is None
                return each if self._comparable[pair] else None
        return None
