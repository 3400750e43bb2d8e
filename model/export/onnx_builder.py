"""A builder of ONNX graphs: adds operations and constants, and generates names of values."""

from typing import Any, Final

import numpy as np

from model.arrays import Array

DOUBLE: Final = 11  # ONNX's TensorProto.DOUBLE, float64


class OnnxGraph:
    """A builder of an ONNX graph, whose values are identified by name.

    Args:
        dtype: The network's dtype, "float64" or "float32".

    Attributes:
        dtype: The network's dtype.
        type: ONNX's number of this dtype.
        nodes: The operations added so far.
        constants: The constants added so far.
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
        """Add an operation.

        Args:
            operation: The name of an ONNX operator.
            inputs: Names of values; numbers become constants of the network's dtype, arrays keep
                their own dtype.
            output: Name of the result; generated if empty.
            attributes: Attributes of the operator.

        Returns:
            The name of the result.
        """
        from onnx import helper

        name = output or f"{operation.lower()}_{len(self.nodes)}"
        names = [
            value if isinstance(value, str) else self._constant(f"{name}.{index}", value)
            for index, value in enumerate(inputs)
        ]
        self.nodes.append(helper.make_node(operation, names, [name], name, **attributes))
        return name

    def _constant(self, name: str, value: float | Array) -> str:
        from onnx import numpy_helper

        array = value if isinstance(value, np.ndarray) else np.array(value, self.dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name
