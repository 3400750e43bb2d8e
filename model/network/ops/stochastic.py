"""Operations that draw at random while training, and do nothing when the network predicts."""

import math
from functools import partial
from typing import Any

import numpy as np

from model.arrays import Array
from model.network.activations.rectifiers import SELU_ALPHA, SELU_SCALE
from model.network.graph import Call, Calls, Node, Workspace
from model.network.initializers import Generator


class _Noise(Node):
    """Passes its input on unless there is a generator."""

    def __init__(self, source: Node) -> None:
        super().__init__(source, units=source.units, channels=source.channels)

    def bind(self, at: Workspace) -> Calls:
        """The noise's calls, or copies in a plan that only evaluates."""
        if at.generator is None:
            return [partial(np.copyto, at.y, at.x)], [partial(np.copyto, at.dx, at.dy)]
        return self.draw(at, at.generator)

    def draw(self, at: Workspace, generator: Generator) -> Calls:
        """The calls while training."""
        raise NotImplementedError

    def evaluator(self, block: Array | None) -> None:
        """The input itself."""


class Drop(_Noise):
    """y = x · m, m = 1 / keep with probability keep, else 0 (Srivastava et al. 2014, inverted).

    ∂J/∂x = dy · m. The mean of y is x, so nothing is to be scaled when the network predicts.
    """

    def __init__(self, source: Node, rate: float) -> None:
        super().__init__(source)
        self.keep = 1 - rate

    def draw(self, at: Workspace, generator: Generator) -> Calls:
        """A fresh mask at each forward."""
        mask, scale = at.like(at.y), at.scalar(1 / self.keep)
        return [
            *_keep_mask(mask, self.keep, generator),
            partial(np.multiply, mask, scale, mask),
            partial(np.multiply, at.x, mask, at.y),
        ], [partial(np.multiply, at.dy, mask, at.dx)]


class AlphaDrop(_Noise):
    """y = a (x m + α′ (1 − m)) + b: dropout to SELU's low end α′ = −s α, with the a and b that keep
    mean 0 and variance 1 (Klambauer et al. 2017, §3).  ∂J/∂x = a m dy.
    """

    def __init__(self, source: Node, rate: float) -> None:
        super().__init__(source)
        self.keep = 1 - rate

    def draw(self, at: Workspace, generator: Generator) -> Calls:
        """As (x − α′) m a + (α′ a + b): one mask, a in it."""
        low = -SELU_SCALE * SELU_ALPHA
        scale = 1 / math.sqrt(self.keep + low * low * self.keep * (1 - self.keep))
        shift = -scale * low * (1 - self.keep)
        mask, a = at.like(at.y), at.scalar(scale)
        minus_low, rest = at.scalar(-low), at.scalar(low * scale + shift)
        return [
            *_keep_mask(mask, self.keep, generator),
            partial(np.multiply, mask, a, mask),
            partial(np.add, at.x, minus_low, at.y),
            partial(np.multiply, at.y, mask, at.y),
            partial(np.add, at.y, rest, at.y),
        ], [partial(np.multiply, at.dy, mask, at.dx)]


class Jitter(_Noise):
    """y = x + σ · normal noise (Bishop 1995: as a penalty on the slope).  ∂J/∂x = dy."""

    def __init__(self, source: Node, deviation: float) -> None:
        super().__init__(source)
        self.deviation = deviation

    def draw(self, at: Workspace, generator: Generator) -> Calls:
        """Fresh noise at each forward."""
        noise, deviation = at.like(at.y), at.scalar(self.deviation)
        return [
            _fill(generator, "standard_normal", noise),
            partial(np.multiply, noise, deviation, noise),
            partial(np.add, at.x, noise, at.y),
        ], [partial(np.copyto, at.dx, at.dy)]


def _keep_mask(mask: Array, keep: float, generator: Generator) -> list[Call]:
    """1 with probability `keep`, else 0: the whole part of a uniform draw + keep."""
    share = np.array(keep, mask.dtype)
    return [
        _fill(generator, "random", mask),
        partial(np.add, mask, share, mask),
        partial(np.floor, mask, mask),
    ]


def _fill(generator: Generator, draw: str, out: Array) -> Call:
    """A call that fills `out` with draws; the legacy generator cannot do it without a copy."""
    method: Any = getattr(generator, draw)
    if isinstance(generator, np.random.Generator):
        return partial(method, dtype=out.dtype, out=out)
    uniform: Any = generator.random_sample if draw == "random" else method
    return lambda: np.copyto(out, uniform(out.shape))
