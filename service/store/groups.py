"""Records of a batch that are counted and written together, as arrays and columns."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain, repeat
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from model.arrays import Array
from service.store.answer_cells import AnswerCells
from service.store.counting import Counts
from service.store.identifiers import ids_of
from service.store.records import PredictedRows, StoredVersion

Record = PredictedRows | AnswerCells
T = TypeVar("T")


class Origins(NamedTuple):
    """The answers of rows, as columns.

    Attributes:
        ids: UUID of each row's answer.
        numbers: Number of each row in its answer, from 0.
        times: Time of each row's answer, Unix time in microseconds.
        key_ids: Id of the API key of each row; None without one.
        subjects: Digest of the subject of each row; None without one.
    """

    ids: list[bytes]
    numbers: list[int]
    times: list[int]
    key_ids: list[str | None]
    subjects: list[bytes | None]


@dataclass(slots=True)
class Group:
    """N rows of one version, hour, kind and threshold.

    Attributes:
        version: The version that predicted.
        hour: Hours since 1970.
        kind: "shadow" for rows whose predictions were not the answer.
        threshold: Decision threshold; NaN where the target has none.
        values: Raw rows, `(N, F)`, NaN where missing.
        predictions: `(N, outputs)`.
        origins: Returns the answers of consecutive rows, which must have ids; called with the
            numbers of the first row and of the row after the last one.
    """

    version: StoredVersion
    hour: int
    kind: Literal["answer", "shadow"]
    threshold: float
    values: Array
    predictions: Array
    origins: Callable[[int, int], Origins]

    def counts(self) -> Counts:
        """Count the rows with their version's counter."""
        counter = self.version.counter
        if self.kind == "shadow":
            return counter.shadow_counts(self.predictions, self.threshold)
        return counter.counts(self.values, self.predictions, self.threshold)

    def parts(self, size: int) -> "Iterator[Group]":
        """Yield consecutive rows.

        Args:
            size: The largest number of rows of a part.
        """
        for start in range(0, len(self.predictions), size):
            stop = min(start + size, len(self.predictions))
            yield replace(
                self,
                values=self.values[start:stop],
                predictions=self.predictions[start:stop],
                origins=partial(self._origins_from, start),
            )

    def _origins_from(self, row: int, start: int, stop: int) -> Origins:
        return self.origins(row + start, row + stop)


def group(records: Iterable[Record]) -> Iterator[Group]:
    """Yield the groups of records, each in the order of its records."""
    others: dict[tuple[int, int, str, float], list[PredictedRows]] = defaultdict(list)
    for each in records:
        if isinstance(each, AnswerCells):
            for hour, answers in each.by_hour():
                yield _of_answers(hour, answers)
        else:
            others[id(each.version), each.hour, each.kind, each.threshold].append(each)
    for rows in others.values():
        first = rows[0]
        yield Group(
            first.version,
            first.hour,
            first.kind,
            first.threshold,
            np.concatenate([each.values for each in rows]),
            np.concatenate([each.predictions for each in rows]),
            _origins_of_rows(rows),
        )


def counts_of(records: Iterable[Record]) -> Counts:
    """Count the rows of records."""
    counts: Counts = Counter()
    for each in group(records):
        counts.update(each.counts())
    return counts


def _of_answers(hour: int, answers: AnswerCells) -> Group:
    source = answers.source
    return Group(
        source.version,
        hour,
        source.kind,
        source.threshold,
        answers.values,
        answers.predictions,
        partial(_origins_of_answers, answers),
    )


def _origins_of_answers(answers: AnswerCells, start: int, stop: int) -> Origins:
    part = answers.part(start, stop)
    return Origins(
        ids_of([*filter(None, part.ids)]),
        part.numbers,
        (np.array(part.times) // 1000).tolist(),
        [each or None for each in part.key_ids] if any(part.key_ids) else [None] * part.count,
        part.subjects,
    )


def _origins_of_rows(records: list[PredictedRows]) -> Callable[[int, int], Origins]:
    @cache
    def whole() -> Origins:
        def of_each_row(column: Callable[[PredictedRows], T]) -> list[T]:
            return [*chain.from_iterable(repeat(column(each), each.count) for each in records)]

        starts = ((each.first_row, each.count) for each in records)
        return Origins(
            of_each_row(lambda each: each.id),
            [start + row for start, count in starts for row in range(count)],
            of_each_row(lambda each: each.at),
            of_each_row(lambda each: each.key_id),
            of_each_row(lambda each: each.subject),
        )

    def part(start: int, stop: int) -> Origins:
        ids, numbers, times, key_ids, subjects = whole()
        rows = slice(start, stop)
        return Origins(ids[rows], numbers[rows], times[rows], key_ids[rows], subjects[rows])

    return part
