"""What would change a model's label: the fewest, then the smallest changes of a row.

All changes of one feature are tried and, where they are few enough, all of two. Beyond, a beam
search extends the most promising changes, so a smaller set of changes may exist. The values tried
are those of `grids_of`; a missing value may become a known one, and never the other way round. No
changed row is unlike the training rows, unless the row itself is.

It says what would change the model's answer, not what would change the world.

Source: Wachter et al. 2018, "Counterfactual explanations without opening the black box"
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.arrays import Array
from model.explanation.distance import UNLIKE_PERCENTILE, ChangedRow, TrainingDistance
from model.explanation.grids import grids_of
from model.explanation.parts import Parts, part_rows
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature
from model.prediction.target import Binary, MultiClass, MultiLabel

MAX_PAIRS: Final = 10_000  # of changes that are all tried
MAX_CHANGES: Final = 5
MAX_FOUND: Final = 3
MAX_COMPARED: Final = 100  # changed rows whose distance from the training rows is computed
PART_COMPARED: Final = 10  # changed rows whose distance is computed in a part
BEAM: Final = 10
MAX_MOVES: Final = 50  # single changes that a beam search uses

Moves = tuple[int, ...]  # numbers of single changes, of different features


@dataclass(frozen=True)
class Counterfactual:
    """A changed row with another label.

    Attributes:
        row: The raw row, `(F,)`.
        features: The numbers of the changed features.
        prediction: Its prediction, `(outputs,)`.
        size: The size of the changes, see `_sizes`.
    """

    row: Array
    features: tuple[int, ...]
    prediction: Array
    size: float


@dataclass(frozen=True)
class Counterfactuals:
    """Changes that give another label.

    Attributes:
        label: The label of a multi-label target; None for another target's only label.
        found: At most 3, of different features, the smallest first; empty if none was found.
        is_exhaustive: Whether all smaller sets of changes, of the values tried, were tried; else
            these changes are those of a beam search.
    """

    label: str | None
    found: list[Counterfactual]
    is_exhaustive: bool


@dataclass(frozen=True)
class _Goal:
    """Another label.

    Attributes:
        label: As in `Counterfactuals`.
        progress: Returns how near predictions `(B, outputs)` are to it, `(B,)`.
        is_reached: Returns whether they have it, `(B,)`.
    """

    label: str | None
    progress: Callable[[Array], Array]
    is_reached: Callable[[Array], Array]


def counterfactuals(
    predictor: Predictor,
    row: Array,
    threshold: float,
    distance: TrainingDistance | None = None,
) -> Parts[list[Counterfactuals]]:
    """Find the changes of a row that would change its label.

    Args:
        predictor: The model; its target is not a number.
        row: The raw row, `(F,)`.
        threshold: Decision threshold; NaN if the model has none.
        distance: Distances from the training rows; None to try rows at any distance.

    Returns:
        The changes; of a multi-label target for each label.
    """
    search = _Search(predictor, row, distance)
    singles: list[Moves] = [(move,) for move in range(len(search.features))]
    of_singles = yield from search.predict(singles)
    pairs: list[Moves] = []
    if len(singles) ** 2 <= 2 * MAX_PAIRS:
        pairs = [
            (a, b)
            for a, b in itertools.combinations(range(len(singles)), 2)
            if search.features[a] != search.features[b]
        ]
    of_pairs: Array | None = None
    results = []
    for goal in _goals(predictor, predictor.predict(row[np.newaxis])[0], threshold):
        found = yield from search.found(goal, singles, of_singles)
        if not found and pairs:
            if of_pairs is None:
                of_pairs = yield from search.predict(pairs)
            found = yield from search.found(goal, pairs, of_pairs)
        tried = 2 if pairs else 1
        is_exhaustive = bool(found) or len(set(search.features)) <= tried
        if not is_exhaustive:
            found = yield from _beam_search(search, goal, of_singles)
        results.append(Counterfactuals(goal.label, found, is_exhaustive))
    return results


def _beam_search(search: "_Search", goal: _Goal, of_singles: Array) -> Parts[list[Counterfactual]]:
    order = np.argsort(-goal.progress(of_singles), kind="stable")
    usable = order[:MAX_MOVES].tolist()
    beam: list[Moves] = [(move,) for move in usable[:BEAM]]
    for _ in range(MAX_CHANGES - 1):
        longer = {
            tuple(sorted((*moves, move)))
            for moves in beam
            for move in usable
            if search.features[move] not in {search.features[each] for each in moves}
        }
        if not longer:
            break
        candidates = sorted(longer)
        predictions = yield from search.predict(candidates)
        found = yield from search.found(goal, candidates, predictions)
        if found:
            return found
        best = np.argsort(-goal.progress(predictions), kind="stable")[:BEAM]
        beam = [candidates[place] for place in best]
    return []


class _Search:
    """Single changes of a row, and their combinations.

    Args:
        predictor: The model.
        row: The raw row, `(F,)`.
        distance: Distances from the training rows, or None.

    Attributes:
        features: The feature of each single change.
    """

    def __init__(self, predictor: Predictor, row: Array, distance: TrainingDistance | None) -> None:
        self._predictor, self._row, self._changed = predictor, row, None
        if distance is not None and distance.percentile(row) <= UNLIKE_PERCENTILE:
            self._changed = ChangedRow(distance, row)
        features, grids = predictor.schema.features, grids_of(predictor)
        ranges = np.zeros(len(row)) if distance is None else distance.ranges
        allowed, sizes = [np.empty(0)], [np.empty(0)]
        for feature, grid, width, value in zip(features, grids, ranges, row, strict=True):
            allowed.append(_allowed(feature, grid, value))
            sizes.append(_sizes(feature, width or np.ptp(grid), value, allowed[-1]))
        self.features = [n for n, values in enumerate(allowed[1:]) for _ in values]
        self._values, self._sizes = np.concatenate(allowed), np.concatenate(sizes)

    def predict(self, candidates: list[Moves]) -> Parts[Array]:
        """Return the predictions of changed rows, `(B, outputs)`."""
        found = np.empty((len(candidates), self._predictor.network.outputs))
        size = part_rows(self._predictor)
        for start in range(0, len(candidates), size):
            chosen = candidates[start : start + size]
            found[start : start + size] = self._predictor.predict(self._rows(chosen))
            yield
        return found

    def _rows(self, candidates: list[Moves]) -> Array:
        rows = np.repeat(self._row[np.newaxis], len(candidates), axis=0)
        moves = np.array(candidates).reshape(len(candidates), -1)
        features = np.array(self.features, dtype=int)[moves]
        rows[np.arange(len(rows))[:, np.newaxis], features] = self._values[moves]
        return rows

    def found(
        self, goal: _Goal, candidates: list[Moves], predictions: Array
    ) -> Parts[list[Counterfactual]]:
        """Return the smallest changes that reach a goal, of different features."""
        found: list[Counterfactual] = []
        if not candidates:
            return found
        reached = np.flatnonzero(goal.is_reached(predictions))
        sizes = self._sizes[np.array(candidates)].sum(axis=1)[reached]
        nearest = reached[np.argsort(sizes, kind="stable")]
        for number, place in enumerate(nearest[:MAX_COMPARED].tolist()):
            moves = list(candidates[place])
            features = tuple(self.features[move] for move in moves)
            if features in {each.features for each in found}:
                continue
            if number % PART_COMPARED == 0:
                yield
            if not self._is_near(features, self._values[moves]):
                continue
            (row,) = self._rows([candidates[place]])
            size = float(self._sizes[moves].sum())
            found.append(Counterfactual(row, features, predictions[place], size))
            if len(found) == MAX_FOUND:
                break
        return found

    def _is_near(self, features: tuple[int, ...], values: Array) -> bool:
        """Return whether the changed row is not unlike the training rows."""
        if self._changed is None:
            return True
        return self._changed.percentile(features, values) <= UNLIKE_PERCENTILE


def _allowed(feature: Feature, grid: Array, value: float) -> Array:
    """Return the values of a grid that a feature may change to from a value."""
    if feature.actionable == "no":
        return np.empty(0)
    if feature.actionable == "up":
        return np.asarray(grid[~(grid <= value)])
    if feature.actionable == "down":
        return np.asarray(grid[~(grid >= value)])
    return np.asarray(grid[grid != value])


def _sizes(feature: Feature, width: float, old: float, new: Array) -> Array:
    """Return the sizes of changes: of a number, in widths; else 1."""
    if feature.type in ("category", "boolean") or np.isnan(old) or not width:
        return np.ones(len(new))
    return np.asarray(np.abs(new - old) / width)


def _goals(predictor: Predictor, prediction: Array, threshold: float) -> list[_Goal]:
    """Return the other labels of a prediction `(outputs,)`."""
    target = predictor.schema.target
    if isinstance(target, MultiClass):
        now = int(prediction.argmax())

        def margin(p: Array) -> Array:
            return np.asarray(np.delete(p, now, axis=1).max(axis=1) - p[:, now])

        return [_Goal(None, margin, lambda p: np.asarray(p.argmax(axis=1) != now))]
    labels = target.labels if isinstance(target, MultiLabel) else (None,)
    assert isinstance(target, Binary | MultiLabel)
    return [
        _crossing(label, place, bool(prediction[place] > threshold), threshold)
        for place, label in enumerate(labels)
    ]


def _crossing(label: str | None, output: int, is_above: bool, threshold: float) -> _Goal:
    """Return the goal of an output on the other side of the threshold."""
    sign = -1 if is_above else 1
    return _Goal(
        label,
        lambda p: np.asarray(sign * p[:, output]),
        lambda p: np.asarray((p[:, output] > threshold) != is_above),
    )
