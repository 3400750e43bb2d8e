"""Compares responses of the service with its OpenAPI document, in which no field may be missing."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema

Json = dict[str, Any]


class Contract:
    """The OpenAPI document of a service, and what has been compared with it.

    Args:
        document: The document.

    Attributes:
        document: The argument.
        seen: Path template, method, status and media type of the compared responses.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        self._closed = _closed(document)
        self._validators: dict[tuple[str, bool], jsonschema.Draft202012Validator] = {}
        self.seen: set[tuple[str, str, str, str]] = set()

    def check(self, response: httpx.Response) -> None:
        """Assert that a response is as the document describes it."""
        request = response.request
        path, method = self._path(request.url.path), request.method.lower()
        operation = self.document["paths"][path][method]
        status = str(response.status_code)
        assert status in operation["responses"], (path, status, response.text)
        described = operation["responses"][status]
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in described["content"], (path, status, media_type)
        self._check_headers(described, response)
        if media_type.endswith("json") and "ndjson" not in media_type:
            schema = described["content"][media_type]["schema"]
            self.validate(response.json(), schema)
        self.seen.add((path, method, status, media_type))

    def check_request(self, path: str, body: Any) -> None:
        """Assert that a JSON body that the service accepts is as the document describes it."""
        content = self.document["paths"][self._path(path)]["post"]["requestBody"]["content"]
        self.validate(body, content["application/json"]["schema"], closed=False)

    def validate(self, value: Any, schema: Json, *, closed: bool = True) -> None:
        """Assert that a value is valid.

        Args:
            value: Plain data, as JSON has it.
            schema: A schema of the document.
            closed: Whether objects have only properties that their schema names.
        """
        key = json.dumps(schema), closed
        if key not in self._validators:
            document = self._closed if closed else self.document
            whole = {**_closed(schema), "components": document["components"]}
            self._validators[key] = jsonschema.Draft202012Validator(whole)
        self._validators[key].validate(value)

    def expected(self) -> set[tuple[str, str, str, str]]:
        """Return path, method, status and media type of all successful responses."""
        return {
            (path, method, "200", media_type)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            for media_type in operation["responses"]["200"]["content"]
        }

    def _check_headers(self, described: Json, response: httpx.Response) -> None:
        known = {name.lower() for name in described["headers"]}
        assert "x-request-id" in response.headers
        # HTTP's own headers, and those that protect browsers.
        others = {"content-length", "content-type", "x-content-type-options"}
        others |= {"content-security-policy", "referrer-policy"}
        assert set(response.headers) - others <= known, set(response.headers) - others - known

    def _path(self, path: str) -> str:
        paths: Json = self.document["paths"]
        if path in paths:
            return path
        matching = [each for each in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path)]
        return max(matching, key=len)  # {name}:predict rather than {name}


def _closed(schema: Any) -> Any:
    """Return a schema whose objects have only properties that it names, unless it says others."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: value if key in ("const", "enum", "example", "examples") else _closed(value)
        for key, value in schema.items()
    }
    if isinstance(closed.get("properties"), dict) and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def json_lines(text: str) -> Iterator[Any]:
    """Yield the values of NDJSON."""
    return map(json.loads, text.splitlines())
