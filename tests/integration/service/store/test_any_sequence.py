"""Any sequence of answers, truths and erasures gives the counts of a plain Python model."""

import tempfile
from collections import Counter
from contextlib import closing
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stored_rows import all_counts, count_rows, predicted, store_at, version_of

from service.store.counting import Counts
from service.store.erasure import erase_prediction, erase_subject
from service.store.feedback import Truth, UnknownPrediction, record_truth
from service.store.records import PredictedRows
from service.store.store import now_microseconds
from service.store.truth import truth_counts

VERSION = version_of()
TARGET = VERSION.predictor.schema.target
LABELS = ("no", "yes, surely")
SUBJECTS = ("Ana", "Ben", None)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 3), st.sampled_from(SUBJECTS)),
        st.tuples(st.just("truth"), st.integers(0, 5), st.integers(0, 2), st.sampled_from(LABELS)),
        st.tuples(st.just("erase"), st.integers(0, 5), st.sampled_from([None, 0, 1, 2])),
        st.tuples(st.just("forget"), st.sampled_from(SUBJECTS[:2])),
    ),
    max_size=25,
)


class PlainStore:
    """Dicts of rows and truths, and counts made one by one."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], tuple[float, str | None]] = {}
        self.truths: dict[tuple[int, int], list[str]] = {}
        self.counts: Counts = Counter()

    def record(self, row: tuple[int, int], label: str) -> None:
        history = self.truths.setdefault(row, [])
        probability = self.rows[row][0]
        for sign, each in ((-1, history[-1:]), (1, [label])):
            if history[-1:] != [label] and each:
                found = truth_counts(
                    TARGET, np.array([probability]), LABELS[probability > 0.5], f'"{each[0]}"'
                )
                for key, count in found.items():
                    self.counts[key] += sign * count
        if history[-1:] != [label]:
            history.append(label)

    def erase(self, rows: list[tuple[int, int]]) -> None:
        for row in rows:
            self.rows.pop(row, None)
            self.truths.pop(row, None)


@settings(max_examples=25)
@given(STEPS)
def test_any_sequence(steps: list[tuple[Any, ...]]) -> None:
    plain = PlainStore()
    with tempfile.TemporaryDirectory() as folder:
        store = store_at(f"sqlite:///{folder}/store.db", store_subject_key="k" * 16)
        store.start()
        answers: list[PredictedRows] = []
        with closing(store.open(read_only=False)) as database:
            for name, *arguments in steps:
                if name == "put":
                    rows, subject = arguments
                    digest = None if subject is None else store.subject(subject)
                    answer = predicted(VERSION, rows, subject=digest)
                    for row, probability in enumerate(answer.predictions[:, 0].tolist()):
                        plain.rows[len(answers), row] = probability, subject
                    plain.counts += VERSION.counter.counts(
                        answer.values, answer.predictions, answer.threshold
                    )
                    answers.append(answer)
                    store.put(answer)
                    continue
                assert store.flush(30)
                if name == "forget":
                    digest = store.subject(arguments[0])
                    assert digest is not None
                    erase_subject(database, digest, at=now_microseconds())
                    plain.erase(
                        [row for row, (_, who) in plain.rows.items() if who == arguments[0]]
                    )
                elif arguments[0] >= len(answers):
                    continue
                elif name == "erase":
                    number, part = arguments
                    erase_prediction(database, answers[number].id, part, at=now_microseconds())
                    plain.erase([r for r in plain.rows if r[0] == number and part in (None, r[1])])
                else:
                    number, part, label = arguments
                    truth = Truth(answers[number].id, part, label)
                    try:
                        record_truth(
                            database, truth, at=now_microseconds(), retention=store.retention
                        )
                    except UnknownPrediction:
                        assert (number, part) not in plain.rows
                    else:
                        plain.record((number, part), label)
            assert store.stop(30) == 0
            assert all_counts(database) == +plain.counts
            assert count_rows(database, "predictions") == len(plain.rows)
            assert count_rows(database, "inputs") == len(plain.rows)
            assert count_rows(database, "feedback") == sum(map(len, plain.truths.values()))
