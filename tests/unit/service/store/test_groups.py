"""Groups of records have the rows, counts and origins of the records, whatever their form."""

from collections import Counter
from collections.abc import Callable
from time import time_ns

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_model import TARGETS
from support.stored_rows import encoded_rows, encoding_version, predicted

from service.store.counting import HOUR_MICROSECONDS, Counts
from service.store.groups import Record, counts_of, group
from service.store.identifiers import ids_of, new_answer_name
from service.store.records import AnswerSource, PredictedRows, ShortAnswer, source_of

VERSIONS = {task: encoding_version(task) for task in TARGETS}
FACTS = st.tuples(
    st.sampled_from(["encoded", "answer", "shadow"]),
    st.integers(1, 3),
    st.sampled_from([0.5, 0.7]),
    st.sampled_from([100, 101]),
    st.sampled_from([None, "clinic"]),
    st.sampled_from([None, b"s" * 32]),
)


def sources(task: str) -> Callable[[float], AnswerSource]:
    found: dict[float, AnswerSource] = {}

    def source(threshold: float) -> AnswerSource:
        made = source_of(VERSIONS[task], threshold, lambda _: None)
        return found.setdefault(threshold, made)

    return source


def encoded_answer(
    source: AnswerSource, rows: int, at: int, key: str | None, subject: bytes | None
) -> ShortAnswer:
    parsed, predictions = encoded_rows(source.version, rows, seed=rows)
    return ShortAnswer(
        source, parsed, predictions, new_answer_name(time_ns()), at, key or "", subject
    )


def plain(record: Record) -> PredictedRows:
    return record.decoded() if isinstance(record, ShortAnswer) else record


@pytest.mark.parametrize("task", TARGETS)
@given(facts=st.lists(FACTS, min_size=1, max_size=8))
def test_groups_have_all_rows_with_their_origins(
    task: str, facts: list[tuple[str, int, float, int, str | None, bytes | None]]
) -> None:
    source = sources(task)
    records: list[Record] = []
    for number, (kind, rows, threshold, hour, key, subject) in enumerate(facts):
        at = hour * HOUR_MICROSECONDS + number
        if kind == "encoded":
            records.append(encoded_answer(source(threshold), rows, at, key, subject))
        else:
            fields = {"at": at, "threshold": threshold, "key_id": key, "subject": subject}
            version = VERSIONS[task]
            records.append(predicted(version, rows, kind=kind, first_row=number, **fields))
    expected = {
        (each.kind, each.threshold, each.hour, each.id, each.first_row + row): (
            each.values[row].tobytes(),
            each.predictions[row].tobytes(),
            (each.at, each.key_id, each.subject),
        )
        for each in map(plain, records)
        for row in range(len(each.predictions))
    }
    found: dict[object, object] = {}
    for each in group(records):
        origins = zip(*each.origins(), strict=True)
        for row, (id_, place, *others) in enumerate(origins):
            found[each.kind, each.threshold, each.hour, id_, place] = (
                each.values[row].tobytes(),
                each.predictions[row].tobytes(),
                tuple(others),
            )
    assert found == expected
    one_by_one: Counts = Counter()
    for record in records:
        one_by_one.update(counts_of([plain(record)]))
    assert counts_of(records) == one_by_one


def test_a_group_has_one_threshold_and_one_hour() -> None:
    source = sources("binary")
    hours = [5, 5, 6, 5]
    records = [
        encoded_answer(source(threshold), 1, hour * HOUR_MICROSECONDS, None, None)
        for hour, threshold in zip(hours, [0.5, 0.7, 0.5, 0.5], strict=True)
    ]
    found = [(each.hour, each.threshold, len(each.values)) for each in group(records)]
    assert sorted(found) == [(5, 0.5, 2), (5, 0.7, 1), (6, 0.5, 1)]


def test_an_answer_without_a_name_is_counted() -> None:
    parsed, predictions = encoded_rows(VERSIONS["binary"], 2)
    answer = ShortAnswer(sources("binary")(0.5), parsed, predictions, None, 0, "", None)
    assert counts_of([answer])["rows", "", 0] == 2
    assert answer.decoded().id == bytes(16)


def test_a_decoded_answer_has_the_values_and_facts_of_the_answer() -> None:
    source = sources("multi_class")(0.5)
    answer = encoded_answer(source, 3, 7, "clinic", b"s")
    rows = answer.decoded()
    assert (rows.id, rows.at, rows.key_id, rows.subject) == (
        ids_of([answer.id or ""])[0],
        7,
        "clinic",
        b"s",
    )
    assert np.array_equal(rows.predictions, source.version.predictor.predict(rows.values))
    assert rows.nbytes < 3 * source.row_bytes
