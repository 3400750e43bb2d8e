"""Checkpoints: the state of a training in a file, from which it resumes bit for bit.

The file is an .npz of arrays and one JSON text with the training's identity and plain state. It
contains no code, and is written atomically.
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
TEXT = "text"  # key of the JSON text among the arrays
MAX_OVERHEAD_BYTES = 64 << 20  # 64 MiB for the text and the archive, beside the arrays


@dataclass(frozen=True)
class Checkpoint:
    """File and interval of a training's checkpoints.

    Attributes:
        path: The file.
        every_seconds: Seconds between two writes.
    """

    path: Path
    every_seconds: float = 60.0


@dataclass(frozen=True, eq=False)
class State:
    """The state of a training.

    Attributes:
        arrays: Arrays by name.
        plain: Data that JSON can represent.
    """

    arrays: Mapping[str, Array]
    plain: Mapping[str, Any]


def write(path: Path, identity: Mapping[str, Any], state: State) -> None:
    """Write a checkpoint atomically.

    Args:
        path: The file.
        identity: Plain data that identifies the training.
        state: The state to save.

    Raises:
        OSError: If the file cannot be written.
    """
    text = json.dumps({"format": FORMAT, "identity": identity, "plain": state.plain})
    write_atomically(
        path, write_npz({**state.arrays, TEXT: np.frombuffer(text.encode(), np.uint8)})
    )


def read(path: Path, identity: Mapping[str, Any], like: Mapping[str, Array]) -> State | None:
    """Read a checkpoint.

    Args:
        path: The file.
        identity: Plain data that identifies the training.
        like: Arrays with the names, dtypes and shapes of the state's arrays.

    Returns:
        The state, or None if there is no file.

    Raises:
        TrainingError: If the file is not a checkpoint, or belongs to another training; the text
            names the differences.
    """
    try:
        content = read_file(path, sum(each.nbytes for each in like.values()) + MAX_OVERHEAD_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read: {error.strerror}") from None
    except ArtifactError as error:
        raise TrainingError(f"{path}: cannot be read: {error}") from None
    try:
        arrays = read_npz(content)
        document = json.loads(arrays.pop(TEXT).tobytes())
        version, saved, plain = document["format"], document["identity"], document["plain"]
    except Exception:  # damage makes the readers raise nearly anything
        raise _damaged(path) from None
    if version != FORMAT:
        raise TrainingError(f"{path}: a checkpoint of format {version!r:.20}, not {FORMAT}")
    differences = _differences(json.loads(json.dumps(identity)), saved)
    if differences:
        hint = "use another path, or delete the file"
        raise TrainingError(f"{path}: a checkpoint of another training: {differences}; {hint}")
    if _signatures(arrays) != _signatures(like):
        raise _damaged(path)  # a flipped bit in the zip's directory can hide an array
    return State(arrays, plain)


class Clock:
    """Decides when the next checkpoint is due.

    Args:
        every_seconds: Seconds between two checkpoints.
    """

    def __init__(self, every_seconds: float) -> None:
        self._every, self._last = every_seconds, time.monotonic()

    def is_due(self) -> bool:
        """Return whether the time has passed; if so, start the next interval."""
        now = time.monotonic()
        if now - self._last < self._every:
            return False
        self._last = now
        return True


def _damaged(path: Path) -> TrainingError:
    return TrainingError(f"{path}: not a checkpoint, or a damaged one")


def _signatures(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {key: (each.dtype, each.shape) for key, each in arrays.items()}


def _differences(current: Any, saved: Any) -> str:
    """Describe the first three keys that differ, with both values if they are short."""
    new, old = _flatten("", current), _flatten("", saved)
    keys = [key for key in {**new, **old} if new.get(key) != old.get(key)]
    texts = []
    for key in keys[:3]:
        before, after = old.get(key, "not given"), new.get(key, "not given")
        is_short = max(len(str(before)), len(str(after))) <= 40
        texts.append(f"{key} was {before}, now {after}" if is_short else f"{key} differs")
    more = f", and {len(keys) - 3} more" if len(keys) > 3 else ""
    return "; ".join(texts) + more


def _flatten(prefix: str, value: Any) -> dict[str, Any]:
    """Return nested plain data as values by dotted keys."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, each in value.items():
        flat |= _flatten(f"{prefix}.{key}" if prefix else str(key), each)
    return flat
