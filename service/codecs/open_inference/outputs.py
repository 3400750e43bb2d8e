"""Output tensors of a model, derived from its target."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np

from model.arrays import Array
from model.prediction.target import REFER, Binary, MultiClass, MultiLabel, Target

_DTYPES: Final = {"FP64": "<f8", "BOOL": "?"}

Compute = Callable[[Array, float], Array]


@dataclass(frozen=True)
class Output:
    """One output tensor: numbers with named columns, or one of several texts per row.

    Attributes:
        name: Name of the tensor.
        datatype: FP64, BOOL or BYTES.
        compute: Maps predictions (B, outputs) and a threshold to values (B, columns), or to
            indices into `texts` (B, 1).
        columns: Names of the columns; empty for BYTES.
        texts: The possible values of BYTES; empty for other datatypes.
    """

    name: str
    datatype: str
    compute: Compute
    columns: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def described(self) -> dict[str, Any]:
        """The entry of the model metadata; its parameters list the columns or the texts."""
        parameters = {"texts": self.texts} if self.texts else {"columns": self.columns}
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": [-1, len(self.columns) or 1],
            "parameters": {name: list(texts) for name, texts in parameters.items()},
        }

    @property
    def row_bytes(self) -> int:
        """Upper limit of the memory of a row's values, encoded."""
        longest = max((len(text.encode()) for text in self.texts), default=20)
        return (len(self.columns) or 1) * (40 + 3 * (longest + 4))

    def as_json(self, values: Array) -> list[Any]:
        """Encode computed values as flat, row-major JSON data."""
        flat: list[Any] = values.ravel().tolist()
        return list(map(self.texts.__getitem__, flat)) if self.texts else flat

    def as_bytes(self, values: Array) -> bytes:
        """Encode computed values in the format of the binary tensor extension."""
        if not self.texts:
            return values.astype(_DTYPES[self.datatype]).tobytes()
        elements = as_byte_elements(self.texts)
        return b"".join(map(elements.__getitem__, values.ravel().tolist()))


class TextOutput:
    """Base of outputs whose computed values are texts.

    Attributes:
        datatype: BYTES.
    """

    datatype: ClassVar[str] = "BYTES"

    @staticmethod
    def as_json(texts: Array) -> list[Any]:
        """Encode computed texts as flat, row-major JSON data."""
        flat: list[Any] = texts.ravel().tolist()
        return flat

    @staticmethod
    def as_bytes(texts: Array) -> bytes:
        """Encode computed texts in the format of the binary tensor extension."""
        return b"".join(as_byte_elements(texts.ravel().tolist()))


def as_byte_elements(texts: Iterable[str]) -> list[bytes]:
    """Return texts as elements of BYTES, each after its length."""
    encoded = (text.encode() for text in texts)
    return [len(each).to_bytes(4, "little") + each for each in encoded]


class OutputTensors:
    """All outputs of a model, by name."""

    def __init__(self, target: Target) -> None:
        self.by_name: Mapping[str, Output] = {each.name: each for each in _outputs(target)}


def _outputs(target: Target) -> Sequence[Output]:
    if isinstance(target, Binary):
        outputs = [
            Output("probability", "FP64", _as_they_are, columns=target.names),
            Output("label", "BYTES", _above, texts=(target.negative, target.positive)),
        ]
        if target.refer is not None:
            band = partial(_band, np.array(target.refer))
            texts = (target.negative, REFER, target.positive)
            outputs.append(Output("decision", "BYTES", band, texts=texts))
        return outputs
    if isinstance(target, MultiClass):
        return [
            Output("probabilities", "FP64", _as_they_are, columns=target.classes),
            Output("label", "BYTES", _likeliest, texts=target.classes),
        ]
    if isinstance(target, MultiLabel):
        return [
            Output("probabilities", "FP64", _as_they_are, columns=target.labels),
            Output("applies", "BOOL", _above, columns=target.labels),
        ]
    return [Output("value", "FP64", _as_they_are, columns=target.outputs)]


def _as_they_are(predictions: Array, _threshold: float) -> Array:
    return predictions


def _above(predictions: Array, threshold: float) -> Array:
    return np.asarray(predictions > threshold)


def _likeliest(predictions: Array, _threshold: float) -> Array:
    return np.asarray(predictions.argmax(axis=1, keepdims=True))


def _band(band: Array, predictions: Array, _threshold: float) -> Array:
    return np.searchsorted(band, predictions, side="left")
