"""Records of a batch that are counted and written together, as arrays and columns."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from model.arrays import Array
from service.store.counting import HOUR_MICROSECONDS, Counts
from service.store.identifiers import ids_of
from service.store.records import (
    AnswerSource,
    PredictedRows,
    ShortAnswer,
    StoredVersion,
    raw_values,
)

Record = PredictedRows | ShortAnswer
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
        origins: Returns the answers of the rows, which must have ids.
    """

    version: StoredVersion
    hour: int
    kind: Literal["answer", "shadow"]
    threshold: float
    values: Array
    predictions: Array
    origins: Callable[[], Origins]

    def counts(self) -> Counts:
        """Count the rows with their version's counter."""
        counter = self.version.counter
        if self.kind == "shadow":
            return counter.shadow_counts(self.predictions, self.threshold)
        return counter.counts(self.values, self.predictions, self.threshold)


def group(records: Iterable[Record]) -> Iterator[Group]:
    """Yield the groups of records, each in the order of its records."""
    encoded: dict[AnswerSource, list[ShortAnswer]] = defaultdict(list)
    others: dict[tuple[int, int, str, float], list[PredictedRows]] = defaultdict(list)
    for each in records:
        if isinstance(each, ShortAnswer):
            encoded[each.source].append(each)
        else:
            others[id(each.version), each.hour, each.kind, each.threshold].append(each)
    for source, answers in encoded.items():
        for hour, members in _by_hour(answers):
            yield _of_answers(source, hour, members)
    for rows in others.values():
        first = rows[0]
        yield Group(
            first.version,
            first.hour,
            first.kind,
            first.threshold,
            np.concatenate([each.values for each in rows]),
            np.concatenate([each.predictions for each in rows]),
            partial(_origins_of_rows, rows),
        )


def counts_of(records: Iterable[Record]) -> Counts:
    """Count the rows of records."""
    counts: Counts = Counter()
    for each in group(records):
        counts.update(each.counts())
    return counts


def _by_hour(answers: list[ShortAnswer]) -> Iterable[tuple[int, list[ShortAnswer]]]:
    times = [each.at for each in answers]
    hour = min(times) // HOUR_MICROSECONDS
    if hour == max(times) // HOUR_MICROSECONDS:  # as almost always
        return [(hour, answers)]
    found: dict[int, list[ShortAnswer]] = defaultdict(list)
    for each in answers:
        found[each.at // HOUR_MICROSECONDS].append(each)
    return found.items()


def _of_answers(source: AnswerSource, hour: int, answers: list[ShortAnswer]) -> Group:
    _, rows, predictions, names, times, key_ids, subjects = zip(*answers, strict=True)

    def origins() -> Origins:
        found = Origins(
            ids_of(names),
            [0] * len(names),
            [*times],
            [each or None for each in key_ids],
            [*subjects],
        )
        return _of_each_row(found, rows)

    values = raw_values(source.version, [*chain.from_iterable(rows)])
    return Group(
        source.version,
        hour,
        "answer",
        source.threshold,
        values,
        np.concatenate(predictions),
        origins,
    )


def _origins_of_rows(records: list[PredictedRows]) -> Origins:
    found = Origins(
        [each.id for each in records],
        [each.first_row for each in records],
        [each.at for each in records],
        [each.key_id for each in records],
        [each.subject for each in records],
    )
    return _of_each_row(found, [each.predictions for each in records])


def _of_each_row(first: Origins, rows: Sequence[Sequence[object] | Array]) -> Origins:
    """Return the origins of all rows.

    Args:
        first: Those of the first row of each record.
        rows: The rows of each record.
    """
    lengths = [*map(len, rows)]
    if max(lengths) == 1:
        return first
    numbers = zip(first.numbers, lengths, strict=True)
    return Origins(
        _spread(first.ids, lengths),
        [start + row for start, length in numbers for row in range(length)],
        _spread(first.times, lengths),
        _spread(first.key_ids, lengths),
        _spread(first.subjects, lengths),
    )


def _spread(column: list[T], lengths: list[int]) -> list[T]:
    return [*chain.from_iterable(map(repeat, column, lengths))]
