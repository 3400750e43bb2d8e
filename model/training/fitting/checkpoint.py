"""A training's state in a file, from which it goes on as if it had never stopped, bit for bit.

The file is an .npz of arrays, and of one JSON text: whose state it is, and the plain part of it.
Nothing in it is code. It is published whole or not at all.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.arrays import Array
from model.artifacts.atomic_write import write_atomically
from model.artifacts.npz import read_npz, write_npz
from model.artifacts.safe_read import read_file
from model.errors import ArtifactError, TrainingError

FORMAT = 1
TEXT = "text"  # the JSON's key among the arrays
MORE_BYTES = 64 << 20  # of the text and the archive, beside the arrays


@dataclass(frozen=True)
class Checkpoint:
    """Where a training's state is kept, and how many seconds lie between two writings of it."""

    path: Path
    every_seconds: float = 60.0


@dataclass(frozen=True, eq=False)
class State:
    """Arrays, and plain data that JSON can hold."""

    arrays: Mapping[str, Array]
    plain: Mapping[str, Any]


def write(path: Path, identity: Mapping[str, Any], state: State) -> None:
    """Publish the state of the training that `identity`, plain data, is of. Raises OSError."""
    text = json.dumps({"format": FORMAT, "identity": identity, "plain": state.plain})
    write_atomically(
        path, write_npz({**state.arrays, TEXT: np.frombuffer(text.encode(), np.uint8)})
    )


def read(path: Path, identity: Mapping[str, Any], like: Mapping[str, Array]) -> State | None:
    """The state in the file, None where there is no file.

    like: arrays of the names, types and shapes that the state's have.

    Raises TrainingError for a file that is no checkpoint, or another training's, naming what
    differs.
    """
    try:
        content = read_file(path, sum(each.nbytes for each in like.values()) + MORE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read: {error.strerror}") from None
    except ArtifactError as error:
        raise TrainingError(f"{path}: cannot be read: {error}") from None
    try:
        arrays = read_npz(content)
        told = json.loads(arrays.pop(TEXT).tobytes())
        found, of, plain = told["format"], told["identity"], told["plain"]
    except Exception:  # damage makes the readers raise nearly anything
        raise _damaged(path) from None
    if found != FORMAT:
        raise TrainingError(f"{path}: a checkpoint of format {found!r:.20}, not {FORMAT}")
    differences = _differences(json.loads(json.dumps(identity)), of)
    if differences:
        raise TrainingError(f"{path}: a checkpoint of another training: {differences}")
    if _kinds(arrays) != _kinds(like):  # a flipped bit in the zip's directory can hide a file
        raise _damaged(path)
    return State(arrays, plain)


class Clock:
    """Says when the next writing is due."""

    def __init__(self, every_seconds: float) -> None:
        self._every, self._last = every_seconds, time.monotonic()

    def is_due(self) -> bool:
        """Whether so much time has passed; if so, it starts anew."""
        now = time.monotonic()
        if now - self._last < self._every:
            return False
        self._last = now
        return True


def _damaged(path: Path) -> TrainingError:
    return TrainingError(f"{path}: not a checkpoint, or a damaged one")


def _kinds(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {key: (each.dtype, each.shape) for key, each in arrays.items()}


def _differences(here: Any, there: Any) -> str:
    """The first three keys that differ, with both values where they are short."""
    ours, theirs = _flat("", here), _flat("", there)
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    told = []
    for key in keys[:3]:
        a, b = theirs.get(key, "not given"), ours.get(key, "not given")
        short = max(len(str(a)), len(str(b))) <= 40
        told.append(f"{key} was {a}, now {b}" if short else f"{key} differs")
    more = f", and {len(keys) - 3} more" if len(keys) > 3 else ""
    return "; ".join(told) + more


def _flat(place: str, value: Any) -> dict[str, Any]:
    """Nested plain data as values by dotted keys."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {place: value}
    flat: dict[str, Any] = {}
    for key, each in value.items():
        flat |= _flat(f"{place}.{key}" if place else str(key), each)
    return flat
