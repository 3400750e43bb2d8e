"""Decoding of JSON and binary tensors to flat arrays of numbers.

Sizes are checked before memory is allocated.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import nan, prod
from typing import Any, Final

import numpy as np

from model.arrays import Array
from service.problems import Problem, safe_name

INTEGERS: Final = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")
FLOATS: Final = ("FP16", "BF16", "FP32", "FP64")
NUMBERS: Final = (*INTEGERS, *FLOATS)
# Binary tensors are little-endian, whatever the machine.
_DTYPES: Final = {
    **{name: f"<{name[0].lower()}{int(name.lstrip('UINT')) // 8}" for name in INTEGERS},
    "FP16": "<f2",
    "BF16": "<u2",  # the upper half of a FP32 number, for which NumPy has no type
    "FP32": "<f4",
    "FP64": "<f8",
    "BOOL": "<u1",
}
DATATYPES: Final = (*NUMBERS, "BOOL", "BYTES")
_LENGTH_BYTES = 4  # before each element of BYTES
Rounding = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input tensor.

    Attributes:
        name: Name of the tensor.
        datatype: One of DATATYPES.
        shape: Dimensions, rows first.
        data: Elements in row-major order: a JSON array, flat or nested, or bytes.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | memoryview

    @property
    def missing(self) -> str:
        """Name of a missing element; "" if the data can have none."""
        if not isinstance(self.data, memoryview):
            return "null"
        if self.datatype == "BYTES":
            return "empty"
        return "NaN" if self.datatype in FLOATS else ""

    def refused(self, rule: str, element: int | None = None) -> Problem:
        """Return the problem (400) for a violated rule.

        Args:
            rule: The rule, as "must …".
            element: Flat index of the invalid element, to name its row.
        """
        row = "" if element is None else f", row {element // prod(self.shape[1:])}"
        return Problem(400, f"Input {safe_name(self.name)}{row}: {rule}.")

    def numbers(self) -> Array:
        """The elements of a numeric datatype (N,) float64, NaN where null. Raises Problem (400)."""
        if isinstance(self.data, memoryview):
            values = self._binary(self.data)
            if self.datatype == "BF16":
                values = (values.astype(np.uint32) << 16).view(np.float32)
            return values.astype(np.float64)
        flat = self._flat(self.data, (int, float, type(None)), "must hold numbers")
        try:
            values = np.array(flat, dtype=np.float64)
        except OverflowError:
            raise self.refused("must hold finite numbers") from None
        if self.datatype in INTEGERS:
            limits = np.iinfo(_DTYPES[self.datatype])
            fits = (values >= limits.min) & (values <= limits.max) & (values == np.rint(values))
            fits |= np.isnan(values)
            if not fits.all():
                raise self.refused(f"must hold {self.datatype} numbers", int(fits.argmin()))
        return values

    def truths(self) -> Array:
        """The elements of BOOL (N,) float64: 1 for true, NaN for null. Raises Problem (400)."""
        if isinstance(self.data, memoryview):
            values = self._binary(self.data)
            if (values > 1).any():
                raise self.refused("must be a byte of 0 or 1", int((values > 1).argmax()))
            return values.astype(np.float64)
        flat = self._flat(self.data, (bool, type(None)), "must hold true and false")
        return np.array(flat, dtype=np.float64)

    def parsed(self, parse: Callable[[str], float]) -> Array:
        """Return the numbers of the elements of BYTES (N,) float64; NaN for null and empty texts.

        Args:
            parse: Function from a text to its number.

        Raises:
            Problem: 400 for a wrong size.
        """
        if isinstance(self.data, memoryview):
            texts: list[Any] = self._spelled(bytes(self.data))
        else:
            texts = self._flat(self.data, (str, type(None)), "must hold texts")
        numbers = {None: nan, "": nan, b"": nan}
        for text in set(texts) - numbers.keys():
            name = text if isinstance(text, str) else text.decode(errors="surrogateescape")
            numbers[text] = parse(name)
        return np.array([numbers[each] for each in texts], dtype=np.float64)

    def _binary(self, data: memoryview) -> Array:
        """View the bytes as elements of a fixed-size datatype."""
        dtype = np.dtype(_DTYPES[self.datatype])
        if data.nbytes != prod(self.shape) * dtype.itemsize:
            raise self._misfit()
        return np.frombuffer(data, dtype)

    def _spelled(self, data: bytes) -> list[bytes]:
        """Split BYTES into elements; each has a four-byte length prefix."""
        count, place = prod(self.shape), 0
        spelled: list[bytes] = []
        while place + _LENGTH_BYTES <= len(data) and len(spelled) < count:
            (length,) = struct.unpack_from("<I", data, place)
            place += _LENGTH_BYTES + length
            spelled.append(data[place - length : place])
        if len(spelled) != count or place != len(data):
            raise self._misfit()
        return spelled

    def _flat(self, data: list[Any], types: tuple[type, ...], rule: str) -> list[Any]:
        """Flatten JSON data and check the types of the elements."""
        if data and isinstance(data[0], list):
            rows, *others = self.shape
            alike = set(map(type, data)) == {list} and set(map(len, data)) == {*others}
            if len(data) != rows or len(others) != 1 or not alike:
                raise self._misfit()
            data = list(chain.from_iterable(data))
        elif len(data) != prod(self.shape):
            raise self._misfit()
        if not set(map(type, data)) <= set(types):
            raise self.refused(rule, _first(data, lambda each: type(each) not in types))
        return data

    def _misfit(self) -> Problem:
        return self.refused("must hold as much data as its shape and datatype say")


def _truncate_to_bfloat16(values: Array) -> Array:
    """Round float64 toward zero to BF16, in float32: tritonclient cuts the lower half off."""
    return (values.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def _round_to_bfloat16(values: Array) -> Array:
    """Round float64 to the nearest BF16, in float32; of two, to the even one."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)
    return np.where(np.isfinite(values), (rounded & 0xFFFF0000).view(np.float32), values)


# How clients round a float64 number to a datatype.
ROUNDINGS: Final[Mapping[str, Sequence[Rounding]]] = {
    "FP16": [lambda values: values.astype(np.float16)],
    "BF16": [_truncate_to_bfloat16, _round_to_bfloat16],
    "FP32": [lambda values: values.astype(np.float32)],
}


def _first(elements: list[Any], holds: Callable[[Any], bool]) -> int:
    return next(place for place, element in enumerate(elements) if holds(element))
