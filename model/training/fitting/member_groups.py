"""Groups of an ensemble's members: parts of a training, and of its state."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from model.arrays import Array
from model.network.network import Network
from model.training.batches.batches import largest_batch
from model.training.config import Training
from model.training.fitting.checkpoint import State


def groups_of(members: int, count: int) -> list[slice]:
    """Divide members into groups of about equal size.

    Args:
        members: Number of members.
        count: Number of groups, from 1 to `members`.
    """
    ends = [members * group // count for group in range(count + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def with_fixed_batch(network: Network, theta: Array, training: Training, rows: int) -> Training:
    """Return the training with a number as its batch size, if "auto" depends on the members.

    Args:
        network: The network.
        theta: Parameters of all members, shape (K, P).
        training: The training.
        rows: Number of training rows.
    """
    if training.batch_size != "auto":
        return training
    size = min(largest_batch(network, theta, training.memory_budget), rows)
    return replace(training, batch_size=size)


def part_of(training: Training, members: slice) -> Training:
    """Return the training of some members, with their own learning rates.

    Args:
        training: The training of all members.
        members: The members.
    """
    if len(training.rates) == 1:
        return training
    rates = list(training.rates[members])
    return replace(training, optimizer=replace(training.optimizer, learning_rate=rates))


def joined(parts: Sequence[Array]) -> Array:
    """Join the members' arrays; a number, which is the same for all, stays as it is."""
    return np.concatenate(parts) if parts[0].ndim else parts[0]


def joined_states(states: Sequence[State]) -> State:
    """Return the state that `Steps` of all members would have.

    Args:
        states: The state of each group, after the same number of steps.
    """
    arrays = {key: joined([each.arrays[key] for each in states]) for key in states[0].arrays}
    noise = states[0].plain["noise"][:1]
    norms: list[float] | None = None if states[0].plain["squared_norms"] is None else []
    for each in states:
        noise += each.plain["noise"][1:]
        if norms is not None:
            norms += each.plain["squared_norms"]
    return State(arrays, {**states[0].plain, "squared_norms": norms, "noise": noise})


def divided_state(state: State, groups: Sequence[slice]) -> list[State]:
    """Return the state of each group.

    Args:
        state: State of `Steps` of all members; it may contain more.
        groups: The groups.
    """
    norms, noise = state.plain["squared_norms"], state.plain["noise"]
    return [
        State(
            {key: each[group] if each.ndim else each for key, each in state.arrays.items()},
            {
                "place": state.plain["place"],
                "squared_norms": norms and norms[group],
                "noise": [noise[0], *noise[1:][group]],
            },
        )
        for group in groups
    ]
