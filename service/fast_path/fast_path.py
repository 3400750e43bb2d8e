"""The handler of a request by its head."""

from collections.abc import Iterable, Mapping
from functools import partial

from starlette.routing import Match, Route
from starlette.types import Scope

from service.codecs.negotiation import JSON_TO_JSON, negotiate
from service.compression.accept_encoding import AcceptedCoding, accepted_coding
from service.compression.codings import coding_of
from service.cors import CorsPolicy
from service.fast_path.endpoints import Endpoint, EndpointHandler
from service.fast_path.predictions import PredictionHandler
from service.fast_path.recorder import Recorder
from service.problems import Problem, rejection_of
from service.protocol.direct_requests import Handler
from service.registry.registry import ModelRegistry
from service.request_context import given_request_id
from service.security.api_keys import ApiKeyAuth


class FastPath:
    """Finds the handler of a request: of predictions in JSON, and of GET endpoints.

    Every other request, and one that will be answered with an error, has none. It goes to the ASGI
    application, which would give the same responses to all requests.

    Args:
        recorder: Sends, counts and logs the responses.
        models: The models in service.
        access: The API keys; None to serve without keys.
        predict_routes: The routes that predict.
        endpoints: The endpoints of GET requests, by path.
        cors: The rules for scripts of other origins; None to allow none.
    """

    def __init__(
        self,
        recorder: Recorder,
        models: ModelRegistry,
        access: ApiKeyAuth | None,
        predict_routes: Iterable[Route],
        endpoints: Mapping[str, Endpoint],
        cors: CorsPolicy | None = None,
    ) -> None:
        self._recorder, self._models, self._access = recorder, models, access
        self._predict_routes, self._endpoints = tuple(predict_routes), endpoints
        self._cors = cors

    def find(self, scope: Scope) -> Handler | None:
        """Return the handler of requests with the head of an ASGI scope; None if there is none."""
        if rejection_of(scope) is not None:
            return None
        if self._cors is not None and self._cors.is_cross_origin(scope):
            return None
        try:
            key = "" if self._access is None else self._access.require(scope)
            accepted = accepted_coding(scope["headers"])
            if accepted.required:
                return None
            if scope["method"] == "POST":
                compressed = coding_of(scope["headers"]) is not None
                return None if compressed else self._find_prediction(scope, accepted, key)
            return self._find_endpoint(scope, accepted)
        except Problem:
            return None

    def _find_prediction(self, scope: Scope, accepted: AcceptedCoding, key: str) -> Handler | None:
        for route in self._predict_routes:
            match, found = route.matches(scope)
            if match is Match.FULL and negotiate(scope["headers"]) == JSON_TO_JSON:
                find = partial(self._models.find_to_predict, **found["path_params"])
                request_id, query = given_request_id(scope), scope["query_string"]
                return PredictionHandler(
                    self._recorder, find, route.path, query, request_id, accepted, key
                )
        return None

    def _find_endpoint(self, scope: Scope, accepted: AcceptedCoding) -> Handler | None:
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None or scope["method"] not in ("GET", "HEAD"):
            return None
        request_id = given_request_id(scope)
        return EndpointHandler(self._recorder, scope, endpoint, request_id, accepted)
