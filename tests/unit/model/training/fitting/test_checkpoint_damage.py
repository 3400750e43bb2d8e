"""Invalid and damaged checkpoints are rejected with one line, and no code in them runs."""

import functools
import io
import json
import os
import pickle
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.errors import TrainingError
from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.checkpoint import FORMAT, TEXT, Checkpoint, read
from model.training.fitting.loop import minimize

DAMAGED = "not a checkpoint, or a damaged one"


def train(path: Path) -> None:
    """Train for five steps, or resume."""
    network = Network([Dense(4, "tanh"), Dropout(0.2), Dense(1)], inputs=2)
    theta = network.initial_parameters(np.random.default_rng(0))
    rows = Rows(np.arange(16.0).reshape(8, 2), np.arange(8) % 2)
    settings = Training(optimizer="adam", epochs=5, average=0.9)
    minimize(network, theta, settings, rows, checkpoint=Checkpoint(path, every_seconds=0))


@functools.cache
def content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder) / "state")
        return (Path(folder) / "state").read_bytes()


def content_parts() -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the JSON document and the arrays of a valid checkpoint."""
    with np.load(io.BytesIO(content())) as file:
        arrays = {key: file[key] for key in file.files}
    return json.loads(arrays.pop(TEXT).tobytes()), arrays


def pack(text: Any, arrays: dict[str, Array]) -> bytes:
    """Build a checkpoint with a JSON document, or with bytes in place of JSON."""
    encoded = text if isinstance(text, bytes) else json.dumps(text).encode()
    buffer = io.BytesIO()
    np.savez(buffer, **{TEXT: np.frombuffer(encoded, np.uint8)}, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def error_of(data: bytes) -> str | None:
    """Return the error text without the path; None if the state is read correctly.

    Any other exception, or a warning, fails the test.
    """
    document, arrays = content_parts()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        path.write_bytes(data)
        try:
            state = read(path, document["identity"], arrays)
        except TrainingError as error:
            file, _, message = str(error).partition(": ")
            assert file == str(path)
            return message
    assert state is not None
    assert state.plain == document["plain"]
    assert pack("", dict(state.arrays)) == pack("", arrays)
    return None


def test_valid_checkpoint_is_read() -> None:
    assert error_of(content()) is None
    assert error_of(pack(*content_parts())) is None


@given(st.integers(0, 10**6))
def test_truncated_file_is_rejected(length: int) -> None:
    assert error_of(content()[: length % len(content())]) == DAMAGED


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=3))
def test_flipped_bits_are_rejected_or_harmless(flips: list[tuple[int, int]]) -> None:
    assert error_of(flipped(content(), flips)) in (DAMAGED, None)


@settings(max_examples=300)
@given(st.tuples(st.integers(0, 1200), st.integers(1, 255)))
def test_flipped_bits_in_the_zip_directory_are_rejected_or_harmless(flip: tuple[int, int]) -> None:
    place, mask = flip
    data = content()
    start = data.index(b"PK\x01\x02")
    assert error_of(flipped(data, [(start + place % (len(data) - start), mask)])) in (DAMAGED, None)


def test_array_hidden_by_damage_is_detected() -> None:
    data = bytearray(content())
    entries = [match.start() for match in re.finditer(b"PK\x01\x02", data)]
    data[entries[0] + 32] = (
        entries[2] - entries[1]
    )  # the second entry becomes a comment of the first
    with np.load(io.BytesIO(data)) as file:
        assert len(file.files) == len(entries) - 1
    assert error_of(bytes(data)) == DAMAGED


def flipped(data: bytes, flips: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, mask in flips:
        changed[place % len(data)] ^= mask
    return bytes(changed)


@given(
    st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00", b"\x80\x04", b"{"]),
    st.binary(max_size=200),
)
@example(b"", b"")
@example(
    b"\x93NUMPY\x01\x00", b"\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}" * 9
)
def test_random_bytes_are_rejected(lead: bytes, rest: bytes) -> None:
    assert error_of(lead + rest) == DAMAGED


def test_invalid_checkpoints_are_rejected() -> None:
    document, arrays = content_parts()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    assert error_of(buffer.getvalue()) == DAMAGED
    np.save(buffer := io.BytesIO(), np.zeros(3))
    assert error_of(buffer.getvalue()) == DAMAGED
    texts: tuple[Any, ...] = (
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        [],
        1,
        None,
        "format",
        {"format": FORMAT},
    )
    for text in texts:
        assert error_of(pack(text, arrays)) == DAMAGED
    for wrong in (FORMAT + 1, 0, None, "1" * 99):
        message = error_of(pack({**document, "format": wrong}, arrays))
        assert message == f"a checkpoint of format {wrong!r:.20}, not {FORMAT}"
    few = {key: each for key, each in arrays.items() if key != "optimizer.rate"}
    theta = arrays["theta"]
    for changed in (
        few,
        {**arrays, "more": theta},
        {**arrays, "theta": theta[:-1]},
        {**arrays, "theta": theta[:1]},
        {**arrays, "theta": theta.astype("float32")},
    ):
        assert error_of(pack(document, changed)) == DAMAGED


class Trap:
    """An object that creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    document, arrays = content_parts()
    trap = np.array([Trap(tmp_path / "sprung")], object)
    for changed in ({**arrays, "theta": trap}, {**arrays, "more": trap}):
        assert error_of(pack(document, changed)) == DAMAGED
    np.savez(buffer := io.BytesIO(), **{TEXT: trap}, **arrays)  # type: ignore[arg-type]
    assert error_of(buffer.getvalue()) == DAMAGED
    np.save(buffer := io.BytesIO(), trap, allow_pickle=True)
    assert error_of(buffer.getvalue()) == DAMAGED
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert error_of(pickle.dumps(Trap(tmp_path / "sprung"), protocol)) == DAMAGED
    assert list(tmp_path.iterdir()) == []
    trap.dumps()
    pickle.loads(trap.dumps())
    assert [each.name for each in tmp_path.iterdir()] == ["sprung"]  # the trap works


def test_minimize_rejects_the_checkpoint_before_training(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(content()[:-1])
    with pytest.raises(TrainingError, match=f"^{path}: {DAMAGED}$"):
        train(path)
    assert path.read_bytes() == content()[:-1]
    with pytest.raises(TrainingError, match=f"^{tmp_path}: cannot be read: not a file$"):
        train(tmp_path)
    with pytest.raises(TrainingError, match=f"^{path}/x: cannot be read: Not a directory$"):
        train(path / "x")
