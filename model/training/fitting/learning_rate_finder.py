"""A learning-rate range test: train shortly with a rising rate, and see where the loss falls.

The idea is Smith's (2017, "Cyclical learning rates for training neural networks", §3.3). How it is
run and read is fastai's `lr_find` (version 2.8, fastai/callback/schedule.py): the same rates,
smoothing, end, window and formulas. Suggestions are read off, never applied.
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
from model.network.row_weights import check_length
from model.network.validation import require_count, require_number
from model.training.optimizers.optimizer import Optimizer

SMOOTHING = 0.98  # β of the losses' average
DIVERGED = 4  # times the best loss
DROPPED = 5  # measurements at the end, where the loss leaps
FEWEST_STEPS, FEWEST_POINTS = 20, 5


@dataclass(frozen=True, eq=False)
class RateFinding:
    """What a range test found, over the S steps it made but for the last five.

    rates (S,): rising. losses (S,): of the mini-batch before the update by that rate, smoothed
    (fastai draws these, and reads its suggestions off these, not the raw ones); all finite.
    valley, steep, minimum: suggested rates, by the functions of these names; the first tenth of
    the test has no say in them.
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
    """Train a copy of θ (P,) with rates lowest · (highest / lowest)^(t / steps), t = 0, 1, ….

    rows (N, features); batches of batch_size, or of all rows where they are fewer, shuffled anew
    in each epoch. seed: of the shuffles and the layers' noise. The optimizer's own rate has no say.
    It ends early where the smoothed loss is above 4 × its lowest, or not finite.
    Raises NetworkError for what does not fit, TrainingError where too little can be measured.
    """
    _check(lowest, highest, steps, seed)
    if theta.ndim != 1:
        raise NetworkError(f"theta must be of one network, (parameters,), got {theta.shape}")
    require_count("batch_size", batch_size)
    table = network.prepare(rows)
    encoded = network.loss.encode(targets, network.outputs, network.dtype)
    check_length(len(encoded), len(table))
    size = min(batch_size, len(table))
    copy = aligned(theta.shape, theta.dtype)
    copy[...] = theta
    generator = np.random.default_rng(seed)
    plan = network.compile(copy, size, gathers=True, generator=generator)
    update = optimizer.bind(copy, plan.gradient, decay=network.layout.weights_mask())
    rates = lowest * (highest / lowest) ** (np.arange(steps) / steps)
    losses: list[float] = []
    average, best = 0.0, math.inf
    with np.errstate(all="ignore"):  # divergence is what is looked for
        for rate, index in zip(rates, _batches(generator, len(table), size), strict=False):
            plan.gather(table, encoded, index)
            plan.step()
            average = SMOOTHING * average + (1 - SMOOTHING) * float(plan.loss())
            # Begun at 0, it is too small by this factor (as in Adam: Kingma and Ba 2015, §3).
            losses.append(average / (1 - SMOOTHING ** (len(losses) + 1)))
            best = min(best, losses[-1])
            if not math.isfinite(losses[-1]) or losses[-1] > DIVERGED * best:
                break
            update.rate[...] = rate
            for call in update:
                call()
    return _finding(rates, np.array(losses), steps)


def valley(rates: Array, losses: Array) -> float:
    """The rate halfway down the longest valley.

    That is the longest strictly falling subsequence of the losses, of L; it ends at e, the first
    such. The suggestion is rates[e − L + ⌊L/3⌋ + ⌊L/6⌋]. Where that index is −1 (the loss falls
    at its first step, and no two steps further) it is the first rate; fastai counts −1 from the
    back, and takes the last one, where the loss is likely at its highest.
    """
    # ends[k]: the least negated loss that ends a rising subsequence of k + 1 (Fredman 1975).
    ends: list[float] = []
    end = 0
    for at, loss in enumerate((-losses).tolist()):
        length = bisect_left(ends, loss)
        if length == len(ends):
            ends.append(loss)
            end = at
        else:
            ends[length] = loss
    longest = len(ends)
    return float(rates[max(end - longest + longest // 3 + longest // 6, 0)])


def steep(rates: Array, losses: Array) -> float:
    """Where the loss falls fastest over the logarithm of the rate: argmin Δloss / Δ log rate."""
    return float(rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)))])


def minimum(rates: Array, losses: Array) -> float:
    """A tenth of the rate that has the lowest loss: at that one it is about to diverge."""
    return float(rates[np.argmin(losses)]) / 10


def _check(lowest: float, highest: float, steps: int, seed: int) -> None:
    """Refuse what no test can be run with."""
    require_number("lowest", lowest, 1e-30, 1e30)
    require_number("highest", highest, 1e-30, 1e30)
    if lowest >= highest:
        raise NetworkError(f"lowest must be below highest, got {lowest:g} and {highest:g}")
    require_count("steps", steps)
    if steps < FEWEST_STEPS:
        raise NetworkError(f"steps must be at least {FEWEST_STEPS}, got {steps}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise NetworkError(f"seed must be an integer, and not below 0, got {seed!r:.80}")


def _batches(generator: Generator, rows: int, size: int) -> Iterator[Array]:
    """Full batches of row numbers without end; what is left over in an epoch is left out."""
    while True:
        order = generator.permutation(rows)
        yield from order[: rows // size * size].reshape(-1, size)


def _finding(rates: Array, losses: Array, steps: int) -> RateFinding:
    """The suggestions, of what was measured but for its first tenth and its last few steps.

    fastai goes on after a loss that is not a number, to the last step; its last few are those, so
    that it keeps all that came before.
    """
    finite = int(np.isfinite(losses).sum())
    if not finite:
        raise TrainingError("learning-rate finder: the loss is not finite at the first step")
    start, end = steps // 10, len(losses) - DROPPED
    if np.isnan(losses[-1]):
        end = min(finite, steps - DROPPED)
    if end - start < FEWEST_POINTS:
        raise TrainingError(
            f"learning-rate finder: the loss diverges after {finite} of {steps} steps, at rate "
            f"{rates[len(losses) - 1]:.3g}: too few to suggest one, try a smaller lowest"
        )
    used = slice(start, end)
    found = (suggest(rates[used], losses[used]) for suggest in (valley, steep, minimum))
    return RateFinding(rates[:end], losses[:end], *found)
