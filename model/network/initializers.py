"""Initial weights, by the number of inputs (fan-in) of the layer they belong to."""

from collections.abc import Callable
from typing import Final

import numpy as np

from model.arrays import Array

# Both NumPy's new and its legacy generator draw standard normals under the same name.
Generator = np.random.Generator | np.random.RandomState
Initializer = Callable[[tuple[int, int], Generator], Array]


def lecun_normal(shape: tuple[int, int], generator: Generator) -> Array:
    """Normal with variance 1 / fan-in (LeCun et al. 1998, Efficient BackProp, §4.6)."""
    return np.asarray(generator.standard_normal(shape) / np.sqrt(shape[1]))


def he_normal(shape: tuple[int, int], generator: Generator) -> Array:
    """Normal with variance 2 / fan-in, for ReLU (He et al. 2015, eq. 10)."""
    return np.asarray(generator.standard_normal(shape) * np.sqrt(2 / shape[1]))


INITIALIZERS: Final[dict[str, Initializer]] = {
    "lecun_normal": lecun_normal,
    "he_normal": he_normal,
}
