"""A mutated artifact is rejected with ArtifactError or can be served; it raises nothing else.

The long form is tests/stress/stress_fuzzed_artifacts.py: make stress.
"""

import io
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import ROOT

from model.arrays import Array
from model.artifacts import artifact
from model.artifacts.npz import read_npz, write_npz
from model.errors import ArtifactError
from model.pipelines.train import train
from model.training.recipes.recipe import load_recipe
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.settings import Settings

RECIPE = """
extends = "article"
name = "short"
[training]
epochs = 1
"""
SETTINGS = Settings()
OLDER = tuple(path.read_bytes() for path in sorted((ROOT / "tests/data/artifacts").glob("*")))

pytestmark = pytest.mark.slow

numbers = st.one_of(
    st.integers(-(10**20), 10**20),
    st.sampled_from([0, 1, -1, 2**31, 2**63, 1e308, 1e-320, float("nan"), float("inf"), -0.0]),
    st.floats(),
)
texts = st.one_of(
    st.text(max_size=20), st.sampled_from(["relu", "dense", "conv1d", "sqrt", "refer"])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@cache
def good() -> bytes:
    """Return the article's model after one epoch: a small file, which is fast to load."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "short.toml"
        recipe.write_text(RECIPE, encoding="utf-8")
        return artifact.to_bytes(train(load_recipe(str(recipe))).predictor)


def content(data: bytes | None = None) -> dict[str, Any]:
    """Return the plain data of an artifact, by default of a good one."""
    loaded: dict[str, Any] = joblib.load(io.BytesIO(data or good()))
    return loaded


def pickled(parts: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    joblib.dump(parts, file)
    return file.getvalue()


def use(data: bytes) -> bool:
    """Load an artifact and serve it as the service does; return False if it is rejected."""
    try:
        predictor = artifact.from_bytes(data)
        predictor.replay_self_test()
    except ArtifactError:
        return False
    served = ModelVersion(predictor, SETTINGS)
    assert served.description
    assert served.card
    with suppress(Problem):  # numbers that overflow
        served.predict(predictor.self_test.rows[:1])
    return True


def mutated_data(section: Any, draw: st.DrawFn) -> Any:
    """Return plain data with one value, at any depth, replaced, removed, duplicated or added."""
    if isinstance(section, dict) and section and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(section)))
        rest = {other: value for other, value in section.items() if other != key}
        kind = draw(st.integers(0, 9))
        if kind == 0:
            return rest
        if kind == 1:
            return section | {draw(texts): draw(values)}
        return rest | {key: mutated_data(section[key], draw)}
    if isinstance(section, list) and section and draw(st.integers(0, 9)):
        at = draw(st.integers(0, len(section) - 1))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            return section[:at] + section[at + 1 :]
        if kind == 1:
            return section[: at + 1] + section[at:]
        return [*section[:at], mutated_data(section[at], draw), *section[at + 1 :]]
    return draw(values)


@st.composite
def mutated_metadata(draw: st.DrawFn, sources: tuple[bytes, ...] = ()) -> bytes:
    parts = content(draw(st.sampled_from(sources)) if sources else None)
    metadata = json.loads(parts["metadata"])
    for _ in range(draw(st.integers(1, 3))):
        metadata = mutated_data(metadata, draw)
    text = json.dumps(metadata, ensure_ascii=draw(st.booleans()))
    try:
        return pickled(parts | {"metadata": text})
    except UnicodeEncodeError:
        return pickled(parts | {"metadata": json.dumps(metadata)})


def mutated_array(array: Array, draw: st.DrawFn) -> Array:
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return array.astype(draw(st.sampled_from(["f4", "f8", "i8", "i4", "u1", "bool", "u8"])))
    if kind == 1:
        return array.ravel()[: draw(st.integers(0, array.size))]
    if kind == 2:
        return array[None] if draw(st.booleans()) else np.concatenate([array, array])
    if kind == 3 and array.ndim:
        return array[: draw(st.integers(0, 3))]
    copy = array.copy()
    if copy.size:
        with np.errstate(all="ignore"):
            value = draw(st.sampled_from([0, 1, -1, 1e-320, 1e308, -1e308, 1e18, 1e-9, np.nan]))
            copy.flat[draw(st.integers(0, copy.size - 1))] = np.asarray(value).astype(copy.dtype)
    return copy


@st.composite
def mutated_arrays(draw: st.DrawFn, sources: tuple[bytes, ...] = ()) -> bytes:
    parts = content(draw(st.sampled_from(sources)) if sources else None)
    arrays = read_npz(parts["arrays"])
    for name in draw(st.lists(st.sampled_from(sorted(arrays)), min_size=1, max_size=3)):
        with np.errstate(all="ignore"):
            arrays[name] = mutated_array(arrays[name], draw)
    return pickled(parts | {"arrays": write_npz(arrays)})


def mutated_bytes(data: bytes, draw: st.DrawFn) -> bytes:
    """Return bytes with up to four slices removed, doubled, reversed or overwritten."""
    mutated = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(mutated)))
        to = min(len(mutated), at + draw(st.sampled_from([1, 2, 4, 8, 30, 46, 200])))
        part = mutated[at:to]
        kinds = [b"", part * 2, bytes(len(part)), b"\xff" * len(part), part[::-1]]
        mutated[at:to] = draw(st.one_of(st.sampled_from(kinds), st.binary(max_size=8)))
    return bytes(mutated)


@st.composite
def mutated_file(draw: st.DrawFn) -> bytes:
    return mutated_bytes(good(), draw)


@st.composite
def mutated_archive(draw: st.DrawFn) -> bytes:
    parts = content()
    return pickled(parts | {"arrays": mutated_bytes(parts["arrays"], draw)})


def test_unchanged_artifacts_are_served() -> None:
    assert use(good())
    assert use(pickled(content()))
    assert all(map(use, OLDER))


KINDS = {
    "metadata": mutated_metadata(),
    "arrays": mutated_arrays(),
    "file": mutated_file(),
    "archive": mutated_archive(),
    "metadata of older formats": mutated_metadata(OLDER),
    "arrays of older formats": mutated_arrays(OLDER),
}


def fuzz(kind: st.SearchStrategy[bytes], examples: int) -> None:
    @settings(max_examples=examples)
    @given(kind)
    def check(data: bytes) -> None:
        use(data)

    check()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_mutated_artifacts_are_rejected_or_served(kind: str) -> None:
    fuzz(KINDS[kind], 150)
