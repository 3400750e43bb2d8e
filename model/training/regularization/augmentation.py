"""Data augmentation: random changes of each training batch, drawn at every step.

An augmentation changes a batch in place: inputs of shape (features, B) and encoded targets of shape
(outputs, B), with a leading axis K if members have their own rows. Inputs are scaled, as the
network sees them. The features of a signal lie position after position, `channels` numbers at each
position. All randomness comes from the given generator, so its state determines all further
batches. Arrays of a batch's size are allocated once.
"""

# ruff: noqa: ARG002  # few augmentations need every argument of `bind`

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from model.arrays import Array, aligned
from model.errors import NetworkError
from model.network.config import Configurable, build, by_name
from model.network.graph import Call
from model.network.validation import require_count, require_number


class Augmentation(Configurable):
    """A random change of training batches. Rows for evaluation and prediction stay unchanged."""

    @abstractmethod
    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """Compile the change of the batch in these buffers.

        Args:
            inputs: Shape (features, B), or (K, features, B) if members have their own rows; of any
                strides.
            targets: Encoded targets, shape (…, outputs, B).
            channels: Numbers at each position of a signal.
            generator: Source of all randomness.

        Returns:
            The calls, to be made at every step.

        Raises:
            NetworkError: If the rows are too short for the augmentation.
        """


@dataclass(frozen=True)
class Jitter(Augmentation):
    """Gaussian noise on every input: x + σ · ε, ε ~ N(0, 1) for each number.

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995,
    https://doi.org/10.1162/neco.1995.7.1.108

    Args:
        standard_deviation: σ, from 0 to 1e6, in units of the scaled inputs.
    """

    name = "jitter"
    standard_deviation: float

    def __post_init__(self) -> None:
        place = f"augmentation {self.name}: standard_deviation"
        require_number(place, self.standard_deviation, 0, 1e6)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        noise = _scratch_by_row(inputs)
        deviation = np.array(self.standard_deviation, inputs.dtype)
        return [
            _draw_normal(generator, noise),
            partial(np.multiply, noise, deviation, noise),
            partial(np.add, inputs, noise.swapaxes(-1, -2), inputs),
        ]


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Mixup: λ xᵢ + (1 − λ) xⱼ, targets mixed likewise, λ ~ Beta(α, α).

    As in the authors' code, a batch has one λ, and the partners j are a permutation of the batch.
    Members with their own rows have their own λ and permutation; members that share rows share
    both. Mixing encoded targets is valid because every loss encodes by an affine function.

    Source: Zhang et al., "mixup: beyond empirical risk minimization", 2018,
    https://arxiv.org/abs/1710.09412

    Args:
        alpha: α, from 0.001 to 1000.
    """

    name = "mixup"
    alpha: float = 0.2

    def __post_init__(self) -> None:
        require_number(f"augmentation {self.name}: alpha", self.alpha, 1e-3, 1e3)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        share = np.zeros((*inputs.shape[:-2], 1, 1), inputs.dtype)
        rest, count = share.copy(), inputs.shape[-1]
        order = np.zeros((*inputs.shape[:-2], count), np.intp)

        def draw() -> None:
            share[...] = generator.beta(self.alpha, self.alpha, share.shape)
            np.subtract(1, share, out=rest)
            for member_order in order.reshape(-1, count):
                member_order[...] = generator.permutation(count)

        calls: list[Call] = [draw]
        for values in (inputs, targets):
            rows = values.swapaxes(-1, -2)
            own, partners = _scratch_by_row(values), _scratch_by_row(values)
            table = own.reshape(-1, own.shape[-1])  # one index over the rows of all members
            offsets = _block_offsets(own.shape[:-2], count)
            index = offsets + order
            calls += [
                partial(np.add, order, offsets, index),
                partial(np.copyto, own, rows),  # `take` would copy what is not row by row
                partial(np.take, table, index, axis=0, out=partners, mode="clip"),
                partial(np.multiply, partners, rest, partners),
                partial(np.multiply, own, share, own),
                partial(np.add, own, partners, rows),
            ]
        return calls


@dataclass(frozen=True)
class Shift(Augmentation):
    """Each signal shifted by −most … most positions, all its channels alike.

    The first or last value fills the positions that become free.

    Args:
        most: Largest shift in positions, at least 1 and below the signal's length.
    """

    name = "shift"
    most: int

    def __post_init__(self) -> None:
        require_count(f"augmentation {self.name}: most", self.most)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        positions = inputs.shape[-2] // channels
        if self.most >= positions:
            rule = f"must be below the signal's {positions} positions"
            raise NetworkError(f"augmentation {self.name}: most {rule}, got {self.most}")
        signals = inputs.swapaxes(-1, -2)
        own, shifted = _scratch_by_row(inputs), _scratch_by_row(inputs)
        # One index over the positions of all rows says where each value comes from.
        offsets, position = _block_offsets(own.shape[:-1], positions), np.arange(positions)
        index = offsets + position
        table, by_position = own.reshape(-1, channels), shifted.reshape(*index.shape, channels)

        def draw() -> None:
            distance = generator.integers(-self.most, self.most, offsets.shape, endpoint=True)
            np.subtract(position, distance, index)

        return [
            draw,
            partial(np.clip, index, 0, positions - 1, out=index),
            partial(np.add, index, offsets, index),
            partial(np.copyto, own, signals),
            partial(np.take, table, index, axis=0, out=by_position, mode="clip"),
            partial(np.copyto, signals, shifted),
        ]


@dataclass(frozen=True)
class Scale(Augmentation):
    """Each signal multiplied by its own factor ~ N(1, σ²).

    Args:
        standard_deviation: σ, from 0 to 1e6.
    """

    name = "scale"
    standard_deviation: float

    def __post_init__(self) -> None:
        place = f"augmentation {self.name}: standard_deviation"
        require_number(place, self.standard_deviation, 0, 1e6)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        factors = aligned((*inputs.shape[:-2], 1, inputs.shape[-1]), inputs.dtype)
        deviation, one = (np.array(value, inputs.dtype) for value in (self.standard_deviation, 1))
        return [
            _draw_normal(generator, factors),
            partial(np.multiply, factors, deviation, factors),
            partial(np.add, factors, one, factors),
            partial(np.multiply, inputs, factors, inputs),
        ]


@dataclass(frozen=True)
class SignalNoise(Augmentation):
    """Gaussian noise in proportion to each signal's own standard deviation.

    Args:
        share: Standard deviation of the noise divided by that of the signal, from 0 to 1e6.
    """

    name = "signal_noise"
    share: float

    def __post_init__(self) -> None:
        require_number(f"augmentation {self.name}: share", self.share, 0, 1e6)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        # The scratch array holds first the differences to the mean, then the noise.
        scratch, signals = _scratch_by_row(inputs), inputs.swapaxes(-1, -2)
        strength = aligned((*scratch.shape[:-1], 1), inputs.dtype)
        share, size = (np.array(value, inputs.dtype) for value in (self.share, scratch.shape[-1]))
        return [
            partial(np.copyto, scratch, signals),
            partial(np.mean, scratch, axis=-1, out=strength, keepdims=True),
            partial(np.subtract, scratch, strength, scratch),
            partial(np.vecdot, scratch, scratch, out=strength[..., 0]),
            partial(np.divide, strength, size, strength),
            partial(np.sqrt, strength, strength),
            partial(np.multiply, strength, share, strength),
            _draw_normal(generator, scratch),
            partial(np.multiply, scratch, strength, scratch),
            partial(np.add, signals, scratch, signals),
        ]


AUGMENTATIONS: Final[Mapping[str, type[Augmentation]]] = by_name(
    (Jitter, Mixup, Shift, Scale, SignalNoise)
)


def augmentation_from(description: object) -> Augmentation:
    """Build the augmentation that a name or a table describes; an object is returned as it is.

    Raises:
        NetworkError: If the name or a field is unknown, or a value is out of its range.
    """
    return build("augmentation", AUGMENTATIONS, description)


def _scratch_by_row(values: Array) -> Array:
    """Return a scratch array of the transposed shape (…, B, features), row after row."""
    return aligned(values.swapaxes(-1, -2).shape, values.dtype)


def _draw_normal(generator: np.random.Generator, out: Array) -> Call:
    draw: Any = generator.standard_normal
    return partial(draw, dtype=out.dtype, out=out)


def _block_offsets(lead: tuple[int, ...], count: int) -> Array:
    """Return the start index of each of consecutive blocks of `count`, shape (*lead, 1)."""
    return (np.arange(math.prod(lead)) * count).reshape(*lead, 1)
