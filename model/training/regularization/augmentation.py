"""Data augmentation: each batch a little different, drawn anew at every step.

All change a batch in place: inputs (features, B) and encoded targets (outputs, B), with a leading
axis where members have their own. Inputs are what the network sees, scaled. The features of a
signal lie position after position, `channels` numbers at each. All that is drawn comes from the
generator given, so that its state says all of what follows. What is of a batch's size is made once.
"""

# ruff: noqa: ARG002  # few use all that `bind` is given

import math
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
    """A change of batches while training; never of rows that are evaluated or predicted."""

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """The calls that change the batch in these buffers, of any strides.

        inputs: (features, B), or (K, features, B) of members with rows of their own. targets:
        encoded, (…, outputs, B). Raises NetworkError where the rows are too short for it.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Jitter(Augmentation):
    """x + σ · normal noise, each number its own (Bishop 1995, Training with noise)."""

    name = "jitter"
    standard_deviation: float

    def __post_init__(self) -> None:
        place = f"augmentation {self.name}: standard_deviation"
        require_number(place, self.standard_deviation, 0, 1e6)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """Noise for the whole batch at once."""
        noise = _by_row(inputs)
        deviation = np.array(self.standard_deviation, inputs.dtype)
        return [
            _normal(generator, noise),
            partial(np.multiply, noise, deviation, noise),
            partial(np.add, inputs, noise.swapaxes(-1, -2), inputs),
        ]


@dataclass(frozen=True)
class Mixup(Augmentation):
    """λ xᵢ + (1 − λ) xⱼ with targets mixed alike, λ ~ Beta(α, α) (Zhang et al. 2018, mixup).

    As in its authors' code: one λ a batch, and the partners j are the batch in another order.
    Members with rows of their own have a λ and an order each, others share both. Mixing encoded
    targets is right, because every loss encodes by an affine function.
    """

    name = "mixup"
    alpha: float = 0.2

    def __post_init__(self) -> None:
        require_number(f"augmentation {self.name}: alpha", self.alpha, 1e-3, 1e3)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """Rows are taken by one index over those of all members."""
        share = np.zeros((*inputs.shape[:-2], 1, 1), inputs.dtype)
        rest, count = share.copy(), inputs.shape[-1]
        order = np.zeros((*inputs.shape[:-2], count), np.intp)

        def draw() -> None:
            share[...] = generator.beta(self.alpha, self.alpha, share.shape)
            np.subtract(1, share, out=rest)
            for each in order.reshape(-1, count):
                each[...] = generator.permutation(count)

        calls: list[Call] = [draw]
        for values in (inputs, targets):
            rows, own, partners = values.swapaxes(-1, -2), _by_row(values), _by_row(values)
            table = own.reshape(-1, own.shape[-1])
            firsts = _firsts(own.shape[:-2], count)
            index = firsts + order
            calls += [
                partial(np.add, order, firsts, index),
                partial(np.copyto, own, rows),  # `take` would copy what is not row by row
                partial(np.take, table, index, axis=0, out=partners, mode="clip"),
                partial(np.multiply, partners, rest, partners),
                partial(np.multiply, own, share, own),
                partial(np.add, own, partners, rows),
            ]
        return calls


@dataclass(frozen=True)
class Shift(Augmentation):
    """Each signal moved by −most … most positions, all alike; its end values fill what is free."""

    name = "shift"
    most: int

    def __post_init__(self) -> None:
        require_count(f"augmentation {self.name}: most", self.most)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """Each position is taken from where it was, by one index over those of all rows."""
        positions = inputs.shape[-2] // channels
        if self.most >= positions:
            rule = f"must be below the signal's {positions} positions"
            raise NetworkError(f"augmentation {self.name}: most {rule}, got {self.most}")
        signals, own, moved = inputs.swapaxes(-1, -2), _by_row(inputs), _by_row(inputs)
        firsts, at = _firsts(own.shape[:-1], positions), np.arange(positions)
        index = firsts + at
        table, by_position = own.reshape(-1, channels), moved.reshape(*index.shape, channels)

        def draw() -> None:
            way = generator.integers(-self.most, self.most, firsts.shape, endpoint=True)
            np.subtract(at, way, index)

        return [
            draw,
            partial(np.clip, index, 0, positions - 1, out=index),
            partial(np.add, index, firsts, index),
            partial(np.copyto, own, signals),
            partial(np.take, table, index, axis=0, out=by_position, mode="clip"),
            partial(np.copyto, signals, moved),
        ]


@dataclass(frozen=True)
class Scale(Augmentation):
    """Each signal times a factor of its own, normal around 1."""

    name = "scale"
    standard_deviation: float

    def __post_init__(self) -> None:
        place = f"augmentation {self.name}: standard_deviation"
        require_number(place, self.standard_deviation, 0, 1e6)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """One factor a row."""
        factors = aligned((*inputs.shape[:-2], 1, inputs.shape[-1]), inputs.dtype)
        deviation, one = (np.array(value, inputs.dtype) for value in (self.standard_deviation, 1))
        return [
            _normal(generator, factors),
            partial(np.multiply, factors, deviation, factors),
            partial(np.add, factors, one, factors),
            partial(np.multiply, inputs, factors, inputs),
        ]


@dataclass(frozen=True)
class SignalNoise(Augmentation):
    """Noise as strong as this share of each signal's own standard deviation."""

    name = "signal_noise"
    share: float

    def __post_init__(self) -> None:
        require_number(f"augmentation {self.name}: share", self.share, 0, 1e6)

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """Room first for the differences to the mean, then for the noise."""
        room, signals = _by_row(inputs), inputs.swapaxes(-1, -2)
        strength = aligned((*room.shape[:-1], 1), inputs.dtype)
        share, size = (np.array(value, inputs.dtype) for value in (self.share, room.shape[-1]))
        return [
            partial(np.copyto, room, signals),
            partial(np.mean, room, axis=-1, out=strength, keepdims=True),
            partial(np.subtract, room, strength, room),
            partial(np.vecdot, room, room, out=strength[..., 0]),
            partial(np.divide, strength, size, strength),
            partial(np.sqrt, strength, strength),
            partial(np.multiply, strength, share, strength),
            _normal(generator, room),
            partial(np.multiply, room, strength, room),
            partial(np.add, signals, room, signals),
        ]


AUGMENTATIONS: Final[Mapping[str, type[Augmentation]]] = by_name(
    (Jitter, Mixup, Shift, Scale, SignalNoise)
)


def augmentation_from(description: object) -> Augmentation:
    """The augmentation that plain data describes. Raises NetworkError for what it can't take."""
    return build("augmentation", AUGMENTATIONS, description)


def _by_row(values: Array) -> Array:
    """Room of the transpose's shape, (…, B, features), row after row."""
    return aligned(values.swapaxes(-1, -2).shape, values.dtype)


def _normal(generator: np.random.Generator, out: Array) -> Call:
    draw: Any = generator.standard_normal
    return partial(draw, dtype=out.dtype, out=out)


def _firsts(lead: tuple[int, ...], count: int) -> Array:
    """Where each of the blocks of `count` begins, one after another: (*lead, 1)."""
    return (np.arange(math.prod(lead)) * count).reshape(*lead, 1)
