"""Operations that draw noise during training and pass their input on in predictions."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from model.arrays import Array
from model.network.activations.rectifiers import SELU_ALPHA, SELU_SCALE
from model.network.graph import Call, Calls, Node, Workspace
from model.network.initializers import Generators


class _Noise(Node):
    """Base class: pass the input on in plans without a generator."""

    def __init__(self, source: Node) -> None:
        super().__init__(source, units=source.units, channels=source.channels)

    def bind(self, ws: Workspace) -> Calls:
        """Return the noise's calls, or copies in a plan without a generator."""
        if ws.generator is None:
            return [partial(np.copyto, ws.y, ws.x)], [partial(np.copyto, ws.dx, ws.dy)]
        return self.draw(ws, ws.generator)

    @abstractmethod
    def draw(self, ws: Workspace, generator: Generators) -> Calls:
        """Return the calls during training.

        Args:
            ws: The node's buffers.
            generator: The source of noise, or one for each member.
        """

    def evaluator(self, block: Array | None) -> None:  # noqa: ARG002
        return None


class Drop(_Noise):
    """y = x · m, m = 1 / keep with probability keep, else 0 (inverted dropout).  ∂J/∂x = dy · m.

    The mean of y is x, so predictions need no scaling.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    2014, https://jmlr.org/papers/v15/srivastava14a.html

    Args:
        source: The node of x.
        rate: The probability of 0, 1 − keep.
    """

    def __init__(self, source: Node, rate: float) -> None:
        super().__init__(source)
        self.keep = 1 - rate

    def draw(self, ws: Workspace, generator: Generators) -> Calls:
        mask, scale = ws.scratch_like(ws.y), ws.scalar(1 / self.keep)
        return [
            *_keep_mask(mask, self.keep, generator),
            partial(np.multiply, mask, scale, mask),
            partial(np.multiply, ws.x, mask, ws.y),
        ], [partial(np.multiply, ws.dy, mask, ws.dx)]


class AlphaDrop(_Noise):
    """y = a (x m + α′ (1 − m)) + b, m = 1 with probability keep, else 0.  ∂J/∂x = a m dy.

    Dropped units become SELU's lower limit α′ = −s α; a and b keep mean 0 and variance 1.

    Source: Klambauer et al., "Self-normalizing neural networks", 2017, §3,
    https://arxiv.org/abs/1706.02515

    Args:
        source: The node of x.
        rate: The probability of α′, 1 − keep.
    """

    def __init__(self, source: Node, rate: float) -> None:
        super().__init__(source)
        self.keep = 1 - rate

    def draw(self, ws: Workspace, generator: Generators) -> Calls:
        # (x − α′) m a + (α′ a + b): one mask, with a included
        low = -SELU_SCALE * SELU_ALPHA
        scale = 1 / math.sqrt(self.keep + low * low * self.keep * (1 - self.keep))
        shift = -scale * low * (1 - self.keep)
        mask, a = ws.scratch_like(ws.y), ws.scalar(scale)
        minus_low, rest = ws.scalar(-low), ws.scalar(low * scale + shift)
        return [
            *_keep_mask(mask, self.keep, generator),
            partial(np.multiply, mask, a, mask),
            partial(np.add, ws.x, minus_low, ws.y),
            partial(np.multiply, ws.y, mask, ws.y),
            partial(np.add, ws.y, rest, ws.y),
        ], [partial(np.multiply, ws.dy, mask, ws.dx)]


class Jitter(_Noise):
    """y = x + σ · normal noise.  ∂J/∂x = dy.

    For small σ, equivalent to a penalty on the slope of the network.

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995,
    https://doi.org/10.1162/neco.1995.7.1.108

    Args:
        source: The node of x.
        deviation: σ.
    """

    def __init__(self, source: Node, deviation: float) -> None:
        super().__init__(source)
        self.deviation = deviation

    def draw(self, ws: Workspace, generator: Generators) -> Calls:
        noise, deviation = ws.scratch_like(ws.y), ws.scalar(self.deviation)
        return [
            _fill(generator, "standard_normal", noise),
            partial(np.multiply, noise, deviation, noise),
            partial(np.add, ws.x, noise, ws.y),
        ], [partial(np.copyto, ws.dx, ws.dy)]


def _keep_mask(mask: Array, keep: float, generator: Generators) -> list[Call]:
    """Return calls that write 1 with probability `keep`, else 0: floor(uniform draw + keep)."""
    share = np.array(keep, mask.dtype)
    return [
        _fill(generator, "random", mask),
        partial(np.add, mask, share, mask),
        partial(np.floor, mask, mask),
    ]


def _fill(generator: Generators, draw: str, out: Array) -> Call:
    """Return a call that fills `out` with draws; the legacy generator needs a copy."""
    if isinstance(generator, Sequence):
        members = zip(generator, out, strict=True)
        fills = [_fill(of_member, draw, part) for of_member, part in members]
        return lambda: [fill() for fill in fills]
    method: Any = getattr(generator, draw)
    if isinstance(generator, np.random.Generator):
        return partial(method, dtype=out.dtype, out=out)
    uniform: Any = generator.random_sample if draw == "random" else method
    return lambda: np.copyto(out, uniform(out.shape))
