"""Artifacts with hostile texts and facts are rejected, or every GET route answers."""

import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import joblib
import pytest

from model.artifacts import artifact
from model.errors import MAX_TEXT_CHARACTERS, ArtifactError
from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

TEXTS = [
    '"},\n# TYPE x counter\nx 1\n',
    "a\r\nSet-Cookie: x=1",
    "<script>alert(1)</script>",
    "\u2028\u2029\u0085\u202e",
    "%s%n%x",
    "\\",
    '"',
    "\0",
    "\ud800",
    "",
    "a" * 100_000,
]
VALUES: list[Any] = [
    None, [], {}, 1, "x", [[]], [None], ["x"], {"a": None}, {"a": 1}, {"a": "x"}, {"": {"": []}},
    {"rows": 1, "scores": {"roc_auc": 10**400}}, {"rows": 1, "rows_used": 1, "positives": [1]},
    {"roc_auc": True}, {"roc_auc": 10**400}, {"roc_auc": math.nan}, {"roc_auc": math.inf},
    -1e308, 10**400, math.nan, [None] * 1000, True,
]  # fmt: skip
FACTS = (
    "description", "intended_use", "limits", "recipe", "data", "out_of_bag", "scores", "versions",
    "examination", "loss_history", "drift", "other",
)  # fmt: skip
PLACES: dict[str, Callable[[dict[str, Any], str], object]] = {
    "point": lambda m, text: m["operating_points"].update({text: 0.5}),
    "points": lambda m, text: m["operating_points"].update({f"{text}{n}": 0 for n in range(200)}),
    "negative": lambda m, text: m["schema"]["target"].update(negative=text),
    "positive": lambda m, text: m["schema"]["target"].update(positive=text),
    "feature": lambda m, text: m["schema"]["features"][0].update(name=text),
    "unit": lambda m, text: m["schema"]["features"][0].update(unit=text),
    "about": lambda m, text: m["schema"]["features"][0].update(description=text),
    "name": lambda m, text: m.update(name=text),
    "transforms": lambda m, text: m.update(transforms=[text] * 9),
    "layer": lambda m, text: m["network"]["layers"][0].update(name=text),
    "fact": lambda m, text: m["facts"].update({text: text}),
    "deep": lambda m, text: m["facts"].update(recipe={"x": [{text: [text]}]}),
    "card": lambda m, text: m["facts"].update(description=text, limits=[text]),
}
SETTINGS = Settings()
HEADERS = [{}, {"Accept": "text/plain"}, {"Accept": "application/openmetrics-text"}]
NEEDS_FILE_OR_STORE = ("/report", "/live", "/compare")


def metadata_variants(text: str) -> Iterator[tuple[str, str]]:
    """Yield each variant of an artifact's metadata with its name."""
    for place, change in PLACES.items():
        for number, hostile in enumerate(TEXTS):
            metadata = json.loads(text)
            change(metadata, hostile)
            yield f"{place}-{number}", json.dumps(metadata, ensure_ascii=False)
    for fact in FACTS:
        for number, value in enumerate(VALUES):
            metadata = json.loads(text)
            metadata["facts"][fact] = value
            yield f"{fact}-{number}", json.dumps(metadata)


@pytest.fixture(scope="module")
def variants(artifact_path: Path) -> dict[str, Predictor | str]:
    """The predictor of each variant that can be loaded, or the text of its error."""
    content = joblib.load(artifact_path)
    found: dict[str, Predictor | str] = {}
    for name, metadata in metadata_variants(content["metadata"]):
        file = io.BytesIO()
        joblib.dump(content | {"metadata": metadata}, file)
        try:
            found[name] = artifact.from_bytes(file.getvalue())
        except ArtifactError as error:
            found[name] = str(error)
    return found


def test_errors_are_short(variants: dict[str, Predictor | str]) -> None:
    errors = [each for each in variants.values() if isinstance(each, str)]
    assert len(errors) > 100
    assert max(map(len, errors)) <= MAX_TEXT_CHARACTERS


def test_many_variants_are_served(variants: dict[str, Predictor | str]) -> None:
    assert sum(isinstance(each, Predictor) for each in variants.values()) > 50


def served(variants: dict[str, Predictor | str], part: str) -> list[tuple[str, Predictor]]:
    """Return the variants of a place or a fact that can be loaded."""
    return [
        (name, each)
        for name, each in variants.items()
        if isinstance(each, Predictor) and name.rpartition("-")[0] == part
    ]


def client_of(predictor: Predictor) -> httpx.AsyncClient:
    app = create_app(SETTINGS, predictor)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def wrong_answers(
    client: httpx.AsyncClient, predictor: Predictor
) -> list[tuple[str, object]]:
    """Return the paths of the document with a wrong answer, and its status or fault."""
    document = (await client.get("/openapi.json")).json()
    wrong: list[tuple[str, object]] = []
    values = {"{name}": predictor.name, "{version}": predictor.version}
    for template, operations in document["paths"].items():
        if "get" not in operations:
            continue
        path = template
        for place, value in values.items():
            path = path.replace(place, value)
        for headers in HEADERS if path == "/metrics" else HEADERS[:1]:
            answer = await client.get(path, headers=headers)
            absent = template.endswith(NEEDS_FILE_OR_STORE) and answer.status_code == 404
            if (answer.status_code != 200 and not absent) or "set-cookie" in answer.headers:
                wrong.append((path, answer.status_code))
            if headers and b"\nx 1\n" in answer.content:
                wrong.append((path, "a forged series"))
    refused = await client.get("/metrics", params={"threshold": "nope"})
    if refused.status_code != 422 or len(refused.content) > 2 * MAX_TEXT_CHARACTERS:
        wrong.append(("threshold", refused.status_code))
    return wrong


@pytest.mark.parametrize("part", [*PLACES, *FACTS])
async def test_every_get_route_answers(variants: dict[str, Predictor | str], part: str) -> None:
    for name, predictor in served(variants, part):
        async with client_of(predictor) as client:
            assert await wrong_answers(client, predictor) == [], name
