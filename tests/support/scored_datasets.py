"""Datasets and scorers for tests, and the answers that the service gives to the same bytes."""

import asyncio
import hashlib
import importlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import strategies as st

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pa: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq: Any = importlib.import_module("pyarrow.parquet")
job: Any = importlib.import_module("service.scoring.job")
fragments: Any = importlib.import_module("service.scoring.fragment")
scorers: Any = importlib.import_module("service.scoring.scorer")
local: Any = importlib.import_module("service.scoring.engines.local")

MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".ndjson": "application/x-ndjson",
    ".arrow": "application/vnd.apache.arrow.file",
    ".arrows": "application/vnd.apache.arrow.stream",
}

_apps: dict[str, FastAPI] = {}  # by version of the model

# Cells of the features of `random_model`, valid ones and others.
SIZES = st.sampled_from([0.0, 0.1, 2.5, 1e-300, 1e300, 17.0, -1.0, None])
COLOURS = st.sampled_from(["red", "dark blue", "grün", "mauve", "", None])
TRUTHS = st.sampled_from([True, False, None])
SCORES = st.sampled_from([1, 2, 3, 10, 11, 0, None])
TEXTS = st.sampled_from(["a", 'b "c", d', "line\nbreak", "ü", "", None])


@st.composite
def tables(draw: st.DrawFn) -> Any:
    """Draw a table of valid, missing, invalid and extra values, with its columns in any order."""
    rows = draw(st.integers(0, 12))

    def column(cells: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(cells, min_size=rows, max_size=rows))

    columns = {
        "size": pa.array(column(SIZES), pa.float64()),
        "score": pa.array(column(SCORES), draw(st.sampled_from([pa.int64(), pa.int8()]))),
    }
    if draw(st.booleans()):
        columns["colour"] = pa.array(column(COLOURS), pa.string())
    if draw(st.booleans()):
        columns["smokes"] = pa.array(column(TRUTHS), pa.bool_())
    if draw(st.booleans()):
        columns["id"] = pa.array(list(range(rows)), pa.int32())
        columns["note"] = pa.array(column(TEXTS), pa.string())
    names = draw(st.permutations(list(columns)))
    return pa.table({name: columns[name] for name in names})


def save(predictor: Predictor, folder: Path) -> Any:
    """Write an artifact, and return the scorer of its model."""
    path = folder / "model.joblib"
    return scorers.Scorer(str(path), artifact.save(predictor, path))


def scorer_of(path: Path, **options: Any) -> Any:
    """Return the scorer of an artifact's file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return scorers.Scorer(str(path), digest, **options)


def score(
    scorer: Any, source: Path | str, to: Path | str, part_format: str = "parquet", workers: int = 1
) -> Any:
    """Run a job in this process, or with several workers."""
    destination = fragments.Destination(str(to), part_format)
    with local.LocalEngine(workers) as engine:
        return job.run_job(scorer, str(source), destination, engine)


def answer(
    predictor: Predictor, content: bytes, kind: str, answer_kind: str, query: str = ""
) -> httpx.Response:
    """Return the answer of POST /predict to a body, by the ends of names of files."""

    app = _apps.get(predictor.version) or create_app(Settings(), predictor)
    _apps[predictor.version] = app

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Content-Type": MEDIA_TYPES[kind], "Accept": MEDIA_TYPES[answer_kind]}
            return await client.post(
                f"/predict?on_error=mark{query}", content=content, headers=headers
            )

    return asyncio.run(post())


def parts(folder: Path) -> dict[str, bytes]:
    """Return the content of all parts by name, without other and temporary files."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    names = [each for each in found if not any(part.startswith((".", "_")) for part in each.parts)]
    return {each.as_posix(): (folder / each).read_bytes() for each in names}
