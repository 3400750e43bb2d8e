"""Data augmentation: each batch a little different, drawn anew at every step.

All change a batch in place: inputs (features, B) and encoded targets (outputs, B), with a leading
axis where members have their own. Inputs are what the network sees, scaled. The features of a
signal lie position after position, `channels` numbers at each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from model.arrays import Array, aligned
from model.errors import NetworkError
from model.network.description import Described, build, by_name, require_count, require_number
from model.network.graph import Call


class Augmentation(Described):
    """A change of batches while training; never of rows that are evaluated or predicted."""

    def bind(
        self, inputs: Array, targets: Array, channels: int, generator: np.random.Generator
    ) -> list[Call]:
        """The calls that change the batch in these buffers, with draws from this generator.

        Raises NetworkError where the rows are too short for it.
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
        self,
        inputs: Array,
        targets: Array,  # noqa: ARG002
        channels: int,  # noqa: ARG002
        generator: np.random.Generator,
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
    Mixing encoded targets is right, because every loss encodes by an affine function.
    """

    name = "mixup"
    alpha: float = 0.2

    def __post_init__(self) -> None:
        require_number(f"augmentation {self.name}: alpha", self.alpha, 1e-3, 1e3)

    def bind(
        self,
        inputs: Array,
        targets: Array,
        channels: int,  # noqa: ARG002
        generator: np.random.Generator,
    ) -> list[Call]:
        """One draw of λ and of an order; members with rows of their own get the same."""
        share, rest = np.array(0, inputs.dtype), np.array(0, inputs.dtype)
        order = np.arange(inputs.shape[-1])

        def draw() -> None:
            share.fill(generator.beta(self.alpha, self.alpha))
            np.subtract(1, share, out=rest)
            np.copyto(order, generator.permutation(len(order)))

        calls: list[Call] = [draw]
        for values in (inputs, targets):
            rows, partners = values.swapaxes(-1, -2), _by_row(values)
            calls += [
                partial(np.take, rows, order, axis=-2, out=partners, mode="clip"),
                partial(np.multiply, partners, rest, partners),
                partial(np.multiply, rows, share, rows),
                partial(np.add, rows, partners, rows),
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
        self,
        inputs: Array,
        targets: Array,  # noqa: ARG002
        channels: int,
        generator: np.random.Generator,
    ) -> list[Call]:
        """Each number is taken from where its position was."""
        positions = inputs.shape[-2] // channels
        if self.most >= positions:
            rule = f"must be below the signal's {positions} positions"
            raise NetworkError(f"augmentation {self.name}: most {rule}, got {self.most}")
        signals, moved = inputs.swapaxes(-1, -2), _by_row(inputs)
        at, channel = np.divmod(np.arange(inputs.shape[-2]), channels)

        def shift() -> None:
            way = generator.integers(-self.most, self.most, (*signals.shape[:-1], 1), endpoint=True)
            source = np.clip(at - way, 0, positions - 1) * channels + channel
            moved[...] = np.take_along_axis(signals, source, axis=-1)
            signals[...] = moved

        return [shift]


@dataclass(frozen=True)
class Scale(Augmentation):
    """Each signal times a factor of its own, normal around 1."""

    name = "scale"
    standard_deviation: float

    def __post_init__(self) -> None:
        place = f"augmentation {self.name}: standard_deviation"
        require_number(place, self.standard_deviation, 0, 1e6)

    def bind(
        self,
        inputs: Array,
        targets: Array,  # noqa: ARG002
        channels: int,  # noqa: ARG002
        generator: np.random.Generator,
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
        self,
        inputs: Array,
        targets: Array,  # noqa: ARG002
        channels: int,  # noqa: ARG002
        generator: np.random.Generator,
    ) -> list[Call]:
        """Noise for the whole batch, scaled signal by signal."""
        noise, signals = _by_row(inputs), inputs.swapaxes(-1, -2)
        strength = aligned((*noise.shape[:-1], 1), inputs.dtype)
        share = np.array(self.share, inputs.dtype)
        return [
            _normal(generator, noise),
            partial(np.std, signals, axis=-1, out=strength, keepdims=True),
            partial(np.multiply, strength, share, strength),
            partial(np.multiply, noise, strength, noise),
            partial(np.add, signals, noise, signals),
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
