"""Records of a batch that are counted and written together, as arrays and columns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from model.arrays import Array
from service.store.counting import Counts
from service.store.identifiers import ids_of
from service.store.records import EncodedAnswer, PredictedRows, StoredVersion

Record = PredictedRows | EncodedAnswer
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


@dataclass
class Group:
    """Records of one version, hour, kind and threshold, N rows.

    Attributes:
        records: The records, all of one class.
        version: The version that predicted.
        hour: Hours since 1970.
        kind: "shadow" for rows whose predictions were not the answer.
        threshold: Decision threshold; NaN where the target has none.
    """

    records: list[PredictedRows] | list[EncodedAnswer]
    version: StoredVersion
    hour: int
    kind: Literal["answer", "shadow"]
    threshold: float

    @cached_property
    def values(self) -> Array:
        """Raw rows, `(N, F)`, NaN where missing."""
        encoded = [each.rows for each in self.records if isinstance(each, EncodedAnswer)]
        if not encoded:
            return np.concatenate(
                [each.values for each in self.records if isinstance(each, PredictedRows)]
            )
        tables = self.version.predictor.row_tables
        assert tables is not None
        return tables.raw_values([*chain.from_iterable(encoded)])

    @cached_property
    def predictions(self) -> Array:
        """Predictions, `(N, outputs)`."""
        return np.concatenate([each.predictions for each in self.records])

    def counts(self) -> Counts:
        """Count the rows with their version's counter."""
        counter = self.version.counter
        if self.kind == "shadow":
            return counter.shadow_counts(self.predictions, self.threshold)
        return counter.counts(self.values, self.predictions, self.threshold)

    def origins(self) -> Origins:
        """Return the answers of the rows. Every record has an id."""
        records = self.records
        ids = [
            *ids_of([each.id or "" for each in records if isinstance(each, EncodedAnswer)]),
            *(each.id for each in records if isinstance(each, PredictedRows)),
        ]
        found = Origins(
            ids,
            [each.first_row for each in records],
            [each.at for each in records],
            [each.key_id for each in records],
            [each.subject for each in records],
        )
        lengths = [len(each.predictions) for each in records]
        if max(lengths) == 1:
            return found
        first_rows = zip(found.numbers, lengths, strict=True)
        return Origins(
            _spread(found.ids, lengths),
            [first + row for first, length in first_rows for row in range(length)],
            _spread(found.times, lengths),
            _spread(found.key_ids, lengths),
            _spread(found.subjects, lengths),
        )


def group(records: Iterable[Record]) -> Iterator[Group]:
    """Yield the groups of records, each in the order of its records."""
    found: dict[tuple[type, int, int, str, float], list[Record]] = {}
    for each in records:
        key = type(each), id(each.version), each.hour, each.kind, each.threshold
        if key in found:
            found[key].append(each)
        else:
            found[key] = [each]
    for (_, _, hour, _, threshold), members in found.items():
        # All of one class, by the key.
        yield Group(members, members[0].version, hour, members[0].kind, threshold)  # type: ignore[arg-type]


def _spread(column: list[T], lengths: list[int]) -> list[T]:
    return [*chain.from_iterable(map(repeat, column, lengths))]
