"""UUIDs of version 7, names of rows, and digests of subjects."""

import hashlib
import hmac
import os
import threading
import uuid
from time import time_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.store import identifiers
from service.store.identifiers import (
    answer_name,
    first_id_of,
    ids_of,
    milliseconds_of,
    parse_name,
    row_name,
    subject_digest,
    uuid7,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A clock of nanoseconds, the last item of the list."""
    times = [1_800_000_000_000_000_000]
    monkeypatch.setattr(identifiers, "time_ns", lambda: times[-1])
    names = identifiers._Names()
    monkeypatch.setattr(identifiers, "_names", names)
    monkeypatch.setattr(identifiers, "new_answer_name", names.next)
    return times


def test_a_uuid_has_the_fields_of_rfc_9562(clock: list[int]) -> None:
    found = uuid.UUID(bytes=uuid7())
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert milliseconds_of(found.bytes) == clock[-1] // 1_000_000
    assert str(found) == answer_name(found.bytes)


def test_uuids_increase_while_the_clock_jumps_back_and_forth(clock: list[int]) -> None:
    found = []
    for jump in (0, 0, 10**9, -(10**9), 0, -(10**15), 1, 10**15, 0):
        clock.append(clock[-1] + jump)
        found += [uuid7() for _ in range(50)]
    assert found == sorted(set(found))


def test_a_full_counter_advances_the_time(clock: list[int]) -> None:
    first = uuid7()
    identifiers._names.counter = 0xFFF
    identifiers._names.endings.clear()
    second = uuid7()
    assert milliseconds_of(second) == milliseconds_of(first) + 1
    assert uuid7() > second > first
    assert clock


def test_names_and_uuids_increase_together(clock: list[int]) -> None:
    """Over several blocks of random bits, within a millisecond and over several."""
    found = []
    for _ in range(3):
        for _ in range(200):
            found += [uuid7(), *ids_of([identifiers.new_answer_name(clock[-1])])]
        clock.append(clock[-1] + 1_000_000)
    assert found == sorted(set(found))
    assert {(uuid.UUID(bytes=each).version, each[8] >> 6) for each in found} == {(7, 0b10)}
    assert len({each[8:] for each in found}) == len(found)


def test_a_forked_process_has_other_random_bits() -> None:
    uuid7()
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.write(writer, uuid7())
        os._exit(0)
    os.waitpid(child, 0)
    other = os.read(reader, 16)
    os.close(reader)
    os.close(writer)
    assert other[8:] not in {uuid7()[8:] for _ in range(200)}


def test_ids_of_names() -> None:
    names = [identifiers.new_answer_name(time_ns()) for _ in range(5)]
    assert ids_of(names) == [uuid.UUID(each).bytes for each in names]
    assert ids_of([]) == []


def test_uuids_of_several_threads_differ() -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.extend([uuid7() for _ in range(2000)]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8000


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_ids_sort_by_their_time(one: int, other: int) -> None:
    assert (first_id_of(one) < first_id_of(other)) == (one < other)
    assert milliseconds_of(first_id_of(one)) == one


@given(st.integers(0, 999_999_999))
def test_a_name_is_parsed(row: int) -> None:
    id_ = uuid7()
    assert parse_name(answer_name(id_)) == (id_, None)
    assert parse_name(row_name(id_, row)) == (id_, row)
    assert parse_name(row_name(id_, row).upper()) == (id_, row)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "9c313368-a04f-4b06-8ac8-dcf9184150dd",  # of version 4
        "018f0000-0000-7000-8000-00000000000",
        "018f0000-0000-7000-8000-0000000000001",
        "018f0000-0000-7000-c000-000000000000",
        "018f0000-0000-7000-8000-000000000000.",
        "018f0000-0000-7000-8000-000000000000.-1",
        "018f0000-0000-7000-8000-000000000000.01",
        "018f0000-0000-7000-8000-000000000000.1234567890",
        " 018f0000-0000-7000-8000-000000000000",
        "018f0000-0000-7000-8000-000000000000\n",
        "018f0000-0000-7000-8000-00000000000٠",
    ],
)
def test_another_text_is_no_name(text: str) -> None:
    assert parse_name(text) is None


def test_a_subject_is_a_keyed_digest() -> None:
    expected = hmac.new(b"k" * 16, b"Ana 7", hashlib.sha256).digest()
    assert subject_digest("k" * 16, "Ana 7") == expected
    assert subject_digest("l" * 16, "Ana 7") != expected
