"""An ONNX graph while it is written: operations, constants, and names for what they give."""

from typing import Any, Final

import numpy as np

from model.arrays import Array

DOUBLE: Final = 11  # ONNX's number for float64


class OnnxGraph:
    """An ONNX graph while it is written; values go by their names.

    dtype: the network's. type: the same in ONNX's words.
    """

    def __init__(self, dtype: str) -> None:
        from onnx import helper

        self.dtype = np.dtype(dtype)
        self.type: int = helper.np_dtype_to_tensor_dtype(self.dtype)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(
        self, operation: str, *inputs: str | float | Array, output: str = "", **attributes: Any
    ) -> str:
        """The name of what an operation gives.

        An input is a value's name, a number, which is taken in the network's type, or an array.
        """
        from onnx import helper

        name = output or f"{operation.lower()}_{len(self.nodes)}"
        names = [
            each if isinstance(each, str) else self._constant(f"{name}.{place}", each)
            for place, each in enumerate(inputs)
        ]
        self.nodes.append(helper.make_node(operation, names, [name], name, **attributes))
        return name

    def _constant(self, name: str, value: float | Array) -> str:
        from onnx import numpy_helper

        array = value if isinstance(value, np.ndarray) else np.array(value, self.dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name
