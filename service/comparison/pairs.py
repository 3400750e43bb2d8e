"""Pairs of predictions as they are read, and the comparison of all of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model.arrays import Array
from model.metrics.comparison import PairedRows, compare, largest_differences
from model.prediction.target import Binary, MultiClass, MultiLabel, Target
from service.comparison.stored_pairs import AnsweredRow
from service.store.export import iso_time
from service.store.identifiers import row_name

LISTED_ROWS: Final = 20  # of the largest differences
MAX_NUMBERS: Final = 20_000_000  # predictions of both versions, which limits the memory


class Pairs:
    """Predictions of two versions for the same rows, up to a number of rows.

    Args:
        target: The target of both versions.
        max_rows: Maximum number of rows; fewer of a model with many outputs.
    """

    def __init__(self, target: Target, max_rows: int) -> None:
        self._target = target
        self._room = min(max_rows, MAX_NUMBERS // (2 * len(target.names)))
        self._rows: list[tuple[bytes, int]] = []
        self._first: list[Array] = []
        self._second: list[Array] = []
        self._thresholds: list[float] = []
        self._groups: list[int] = []
        self._truths: list[Array] = []
        self._is_known: list[bool] = []
        self._subjects: dict[bytes, int] = {}
        self._versions: Counter[str] = Counter()
        self._times: tuple[int, int] | None = None
        self._unknown = np.zeros(target.columns_of_targets, target.dtype)
        self.is_full = False

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self._rows)

    def add(self, answered: Sequence[AnsweredRow], second: Array) -> None:
        """Add rows; those beyond the maximum are left out, and `is_full` is true.

        Args:
            answered: The rows.
            second: Predictions of the other version, `(B, outputs)`.
        """
        room = self._room - self.rows
        self.is_full |= len(answered) > room
        added = answered[:room]
        if not added:
            return
        self._first.append(np.stack([each.predictions for each in added]))
        self._second.append(second[:room])
        for each in added:
            number = len(self._rows)
            self._rows.append((each.id, each.row))
            self._thresholds.append(each.threshold)
            # A row without a subject is a group; groups of subjects have negative numbers.
            group = number
            if each.subject is not None:
                group = self._subjects.setdefault(each.subject, -1 - len(self._subjects))
            self._groups.append(group)
            known = each.truth is not None
            self._is_known.append(known)
            self._truths.append(truth_row(self._target, each.truth) if known else self._unknown)
            self._versions[each.sha256] += 1
        times = [each.at for each in added] + list(self._times or ())
        self._times = min(times), max(times)

    def describe(self) -> dict[str, Any]:
        """Return the comparison as JSON values.

        Returns:
            `versions` that answered, with their rows; `from` and `to`, the times of the first and
            last answer; `is_limited`, if older rows were left out; the figures of `compare`; and
            `largest`, ids of the rows with the largest differences.
        """
        rows = self._paired()
        numbers = largest_differences(rows, LISTED_ROWS).tolist()
        times = self._times
        return {
            "versions": [
                {"version": version, "rows": count}
                for version, count in self._versions.most_common()
            ],
            "from": None if times is None else iso_time(times[0]),
            "to": None if times is None else iso_time(times[1]),
            "is_limited": self.is_full,
            **compare(rows),
            "largest": [
                {
                    "id": row_name(*self._rows[number]),
                    "difference": float(np.abs(rows.second[number] - rows.first[number]).max()),
                }
                for number in numbers
            ],
        }

    def _paired(self) -> PairedRows:
        none = np.empty((0, len(self._target.names)))
        truths = np.stack(self._truths) if self._truths else self._unknown[None][:0]
        return PairedRows(
            self._target,
            np.concatenate([none, *self._first]),
            np.concatenate([none, *self._second]),
            np.array(self._thresholds, dtype=np.float64),
            np.array(self._groups, dtype=np.int64),
            truths,
            np.array(self._is_known, dtype=bool),
        )


def truth_row(target: Target, value: Any) -> Array:
    """Return a stored truth as targets `(columns,)`.

    Args:
        target: The target.
        value: The truth, a JSON value as `service.store.truth.truth_json` stores it.
    """
    if isinstance(target, Binary):
        return np.array([value == target.positive])
    if isinstance(target, MultiClass):
        return np.array([target.classes.index(value)])
    if isinstance(target, MultiLabel):
        return np.array([name in value for name in target.labels])
    return np.array([value[name] for name in target.outputs], dtype=np.float64)
