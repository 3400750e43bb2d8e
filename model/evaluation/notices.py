"""Notices about a table: imbalance, few rows, duplicates, and leaks of the target."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from model.arrays import Array
from model.evaluation.metrics import roc_auc
from model.prediction.schema import Schema
from model.prediction.target import Binary, MultiClass, MultiLabel

RARE: Final = 0.1  # share of rows of the rarer class
FEW_OF_CLASS: Final = 20
ROWS_PER_FEATURE: Final = 10
SUSPICIOUS: Final = 0.98
BINS: Final = 32
MAX_NAMES: Final = 3

Part = tuple[Array, Array]  # rows (B, F), NaN for a missing value, and targets (B, columns)


def notices(schema: Schema, parts: Mapping[str, Part]) -> list[str]:
    """Return what a user of a table should know before trusting a model of it, a line each.

    Args:
        schema: The features and the target.
        parts: Rows and targets by the name of their part. The first part trains.
    """
    name = next(iter(parts))
    rows, targets = (np.concatenate(each) for each in zip(*parts.values(), strict=True))
    return [
        *_imbalance(schema, targets),
        *_few_rows(schema, *parts[name]),
        *_duplicates(rows, targets, [len(part) for part, _ in parts.values()]),
        *_leaks(schema, rows, targets),
    ]


def weights_notice(column: str | None) -> list[str]:
    """Return what a user of row weights should know about figures, a line or none.

    Args:
        column: The column of row weights; None without.
    """
    if column is None:
        return []
    return [
        f"weights: column {column} weighs rows in training, its losses by epoch and decisions; all "
        "other figures count every row once"
    ]


def _imbalance(schema: Schema, targets: Array) -> Iterator[str]:
    target = schema.target
    if not isinstance(target, Binary):
        return
    positives, rows = int(targets.sum()), len(targets)
    count, label = min((positives, target.positive), (rows - positives, target.negative))
    if 0 < count < RARE * rows:
        yield (
            f"imbalance: {count} of {rows} rows ({count / rows:.1%}) are {label}; accuracy says "
            "little here, sensitivity and average precision say more"
        )


def _few_rows(schema: Schema, rows: Array, targets: Array) -> Iterator[str]:
    target, count = schema.target, len(rows)
    if count < ROWS_PER_FEATURE * rows.shape[1]:
        yield (
            f"few rows: {count} rows train {rows.shape[1]} features, fewer than "
            f"{ROWS_PER_FEATURE} for each"
        )
    if isinstance(target, Binary | MultiClass):
        labels = target.classes if isinstance(target, MultiClass) else _labels(target)
        counts = np.bincount(targets[:, 0].astype(int), minlength=len(labels)).tolist()
        pairs = sorted(zip(counts, labels, strict=True))
    elif isinstance(target, MultiLabel):
        pairs = sorted(zip(targets.sum(axis=0).tolist(), target.labels, strict=True))
    else:
        return
    few = [f"{label} ({each})" for each, label in pairs if each < FEW_OF_CLASS]
    if few:
        yield f"few rows: fewer than {FEW_OF_CLASS} rows train {_some(few)}"


def _labels(target: Binary) -> tuple[str, str]:
    return target.negative, target.positive


def _duplicates(rows: Array, targets: Array, sizes: Sequence[int]) -> Iterator[str]:
    same = np.where(np.isnan(rows), np.nan, rows + 0.0)  # one NaN, one zero
    keys = np.ascontiguousarray(same).view(f"V{same.shape[1] * same.itemsize}")[:, 0]
    # Hashing is faster than sorting rows of many bytes.
    numbers: dict[bytes, int] = {}
    group = np.array([numbers.setdefault(key.tobytes(), len(numbers)) for key in keys])
    counts = np.bincount(group)
    repeated = int((counts[group] > 1).sum())
    if not repeated:
        return
    if len(counts) < len(rows) / 2:  # few categories rather than copies
        yield (
            f"duplicates: {len(rows)} rows have only {len(counts)} different combinations of "
            "feature values; rows with equal values get equal predictions"
        )
        return
    text = f"duplicates: {repeated} of {len(rows)} rows equal another row in all features"
    first = targets[np.unique(group, return_index=True)[1]]
    differs = (targets != first[group]).any(axis=1)
    conflicting = int(np.isin(group, group[differs]).sum())
    if conflicting:
        text += f"; {conflicting} of them have equals with another target"
    trains = np.arange(len(rows)) < sizes[0]
    shared = int(np.isin(group[~trains], group[trains]).sum())
    if shared:
        text += f"; {shared} rows that do not train equal one that does, which flatters figures"
    yield text


def _leaks(schema: Schema, rows: Array, targets: Array) -> Iterator[str]:
    suspects = []
    for feature, column in zip(schema.features, rows.T, strict=True):
        is_category = feature.type in ("category", "boolean")
        with np.errstate(all="ignore"):  # values as large as 1e300
            strength = _strength(schema, column, targets, is_category)
        if strength > SUSPICIOUS:
            suspects.append(f"{feature.name} ({strength:.3f})")
    if suspects:
        measure = {"binary": "area under the ROC curve", "multi_class": "balanced accuracy"}.get(
            schema.target.task, "strength"
        )
        yield (
            f"possible leak: alone, {_some(suspects)} nearly gives the target away ({measure} over "
            f"{SUSPICIOUS}); is it known before the prediction is made?"
        )


def _strength(schema: Schema, column: Array, targets: Array, is_category: bool) -> float:
    """Return how well a single feature predicts the target, from 0 to 1.

    That is the area under the ROC curve, of labels the highest; for classes the balanced accuracy;
    for numbers R². Categories and bins predict the mean of the other rows in them.
    """
    target = schema.target
    if isinstance(target, Binary | MultiLabel):
        scored = _of_others(_bins(column, is_category), targets.astype(float))
        return max(
            _area(labels, means if is_category else column)
            for labels, means in zip(targets.T, scored.T, strict=True)
        )
    bins = _bins(column, is_category)
    if isinstance(target, MultiClass):
        classes = targets[:, 0]
        present = np.unique(classes)
        guesses = present[_of_others(bins, (classes[:, None] == present) * 1.0).argmax(axis=1)]
        return float(np.mean([(guesses[classes == each] == each).mean() for each in present]))
    errors = np.square(targets - _of_others(bins, targets)).mean(axis=0)
    explained = 1 - errors / np.maximum(targets.var(axis=0), 1e-300)
    return float(np.nan_to_num(explained, nan=0, posinf=0, neginf=0).max())


def _area(labels: Array, scores: Array) -> float:
    """Return the area under the ROC curve, in the better direction, of the values or the gaps."""
    gaps = np.isnan(scores)
    areas = [roc_auc(labels, gaps * 1.0)]
    if gaps.mean() < 0.5:  # the area of a few rows is large by chance
        areas.append(roc_auc(labels[~gaps], scores[~gaps]))
    return max((max(area, 1 - area) for area in areas if area is not None), default=0.0)


def _bins(column: Array, is_category: bool) -> Array:
    """Return the category of each row, or one of 32 bins with about equal numbers of rows."""
    known = column[~np.isnan(column)]
    if is_category or not len(known):
        return np.asarray(np.nan_to_num(column + 1, nan=0).astype(int))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(np.isnan(column), 0, 1 + np.searchsorted(edges, column, side="right"))


def _of_others(bins: Array, targets: Array) -> Array:
    """Return the mean targets of the other rows in each row's bin, or of all rows without any."""
    counts = np.bincount(bins)
    sums = np.stack([np.bincount(bins, column) for column in targets.T], axis=1)
    others = (counts[bins] - 1)[:, None]
    means = (sums[bins] - targets) / np.maximum(others, 1)
    return np.where(others > 0, means, targets.mean(axis=0))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
