"""Learning-rate range test: train briefly with a rising rate and observe where the loss falls.

The implementation follows fastai's `lr_find` (version 2.8, fastai/callback/schedule.py): the same
rates, smoothing, stopping rule, window and formulas. Suggestions are returned, never applied.

Source: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3,
https://arxiv.org/abs/1506.01186
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.arrays import Array, aligned
from model.errors import NetworkError, TrainingError
from model.network.initializers import Generator
from model.network.network import Network
from model.training.optimizers.optimizer import Optimizer

SMOOTHING = 0.98  # β of the moving average of losses
DIVERGENCE_FACTOR = 4  # the test ends when the loss exceeds this multiple of its minimum
DROPPED = 5  # measurements ignored at the end, where the loss jumps
MIN_POINTS = 5


@dataclass(frozen=True, eq=False)
class RateFinding:
    """Result of a range test of S steps, without the last five.

    The suggestions come from the functions of the same names; they ignore the first tenth of the
    test.

    Attributes:
        rates: Learning rates, rising, shape (S,).
        losses: Smoothed loss of each mini-batch before the update with that rate, shape (S,), all
            finite. fastai, too, plots smoothed losses and computes its suggestions from them.
        valley: Suggested rate.
        steep: Suggested rate.
        minimum: Suggested rate.
    """

    rates: Array
    losses: Array
    valley: float
    steep: float
    minimum: float


def find_learning_rate(
    network: Network,
    theta: Array,
    rows: npt.ArrayLike,
    targets: npt.ArrayLike,
    optimizer: Optimizer,
    *,
    batch_size: int = 64,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
    seed: int = 0,
) -> RateFinding:
    """Run a learning-rate range test on a copy of θ.

    Step t, counted from 0, has the rate lowest · (highest / lowest)^(t / steps). The test ends
    early when the smoothed loss exceeds 4 × its minimum, or is not finite.

    Args:
        network: The network.
        theta: Parameters, shape (P,); not changed.
        rows: Shape (N, features).
        targets: N targets, as the loss accepts them.
        optimizer: The optimizer; its own learning rate has no effect.
        batch_size: Rows of a batch, at least 1; all rows if there are fewer. Rows are shuffled in
            each epoch.
        lowest: First rate, from 1e-30 to below `highest`.
        highest: Last rate, at most 1e30.
        steps: Number of updates, at least 20.
        seed: Seed of the shuffles and of the layers' noise, at least 0.

    Raises:
        NetworkError: If θ is of members, or the rows do not fit the network.
        TrainingError: If the loss diverges too early for a suggestion.
    """
    if theta.ndim != 1:
        raise NetworkError(f"theta must be of one network, (parameters,), got {theta.shape}")
    table = network.prepare(rows, targets)
    size = min(batch_size, len(table))
    copy = aligned(theta.shape, theta.dtype)
    copy[...] = theta
    generator = np.random.default_rng(seed)
    plan = network.compile(copy, size, gathers=True, generator=generator)
    update = optimizer.bind(copy, plan.gradient, decay=network.layout.weights_mask())
    rates = lowest * (highest / lowest) ** (np.arange(steps) / steps)
    losses: list[float] = []
    average, best = 0.0, math.inf
    with np.errstate(all="ignore"):  # divergence is expected
        for rate, index in zip(rates, _batches(generator, len(table), size), strict=False):
            plan.gather(table, index)
            plan.step()
            average = SMOOTHING * average + (1 - SMOOTHING) * float(plan.loss())
            # The average starts at 0; this corrects its bias, as in Adam.
            losses.append(average / (1 - SMOOTHING ** (len(losses) + 1)))
            best = min(best, losses[-1])
            if not math.isfinite(losses[-1]) or losses[-1] > DIVERGENCE_FACTOR * best:
                break
            update.rate[...] = rate
            for call in update:
                call()
    return _finding(rates, np.array(losses), steps)


def valley(rates: Array, losses: Array) -> float:
    """Suggest the rate in the middle of the longest valley.

    The valley is the longest strictly decreasing subsequence of the losses, of length L, ending at
    index e (the first such e). The suggestion is rates[e − L + ⌊L/3⌋ + ⌊L/6⌋]. If that index is −1
    (the loss decreases at its first step and no two steps further), the suggestion is the first
    rate; fastai takes −1 as the last index, where the loss is likely at its highest.

    Args:
        rates: Shape (S,), rising.
        losses: Shape (S,).
    """
    # tails[k]: the smallest end of an increasing subsequence of length k + 1 of the negated losses
    # (Fredman 1975, https://doi.org/10.1016/0012-365X(75)90103-X).
    tails: list[float] = []
    end = 0
    for index, loss in enumerate((-losses).tolist()):
        length = bisect_left(tails, loss)
        if length == len(tails):
            tails.append(loss)
            end = index
        else:
            tails[length] = loss
    longest = len(tails)
    return float(rates[max(end - longest + longest // 3 + longest // 6, 0)])


def steep(rates: Array, losses: Array) -> float:
    """Suggest the rate at the steepest descent of the loss: argmin Δloss / Δ log rate.

    Args:
        rates: Shape (S,), rising.
        losses: Shape (S,).
    """
    return float(rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)))])


def minimum(rates: Array, losses: Array) -> float:
    """Suggest a tenth of the rate with the lowest loss, where divergence is about to begin.

    Args:
        rates: Shape (S,), rising.
        losses: Shape (S,).
    """
    return float(rates[np.argmin(losses)]) / 10


def _batches(generator: Generator, rows: int, size: int) -> Iterator[Array]:
    """Yield full batches of row indices without end; the rest of an epoch is left out."""
    while True:
        order = generator.permutation(rows)
        yield from order[: rows // size * size].reshape(-1, size)


def _finding(rates: Array, losses: Array, steps: int) -> RateFinding:
    """Compute the suggestions without the first tenth and the last few measurements.

    After a loss of NaN, fastai continues to the last step and then drops the last few
    measurements, all NaN. Here all measurements before the NaN are therefore kept.
    """
    finite = int(np.isfinite(losses).sum())
    if not finite:
        raise TrainingError("learning-rate finder: the loss is not finite at the first step")
    start, end = steps // 10, len(losses) - DROPPED
    if np.isnan(losses[-1]):
        end = min(finite, steps - DROPPED)
    if end - start < MIN_POINTS:
        raise TrainingError(
            f"learning-rate finder: the loss diverges after {finite} of {steps} steps, at rate "
            f"{rates[len(losses) - 1]:.3g}: too few to suggest one, try a smaller lowest"
        )
    used = slice(start, end)
    suggestions = (suggest(rates[used], losses[used]) for suggest in (valley, steep, minimum))
    return RateFinding(rates[:end], losses[:end], *suggestions)
