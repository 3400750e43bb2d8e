"""Record ground truth, and erase predictions: the work of these routes on the store, in a thread.

The module of the store is imported when it is used, since a service without one does not need it.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from service.codecs.feedback import ID, TRUTH, Feedback, GivenTruth
from service.problems import FieldError, Problem, service_unavailable

if TYPE_CHECKING:
    from service.store.databases.database import Database, StoreError
    from service.store.feedback import Recorded, Truth
    from service.store.store import Store

R = TypeVar("R")

FLUSH_SECONDS: Final = 0.5  # that an unknown id waits for what is not written yet; fixed
YOUNG_SECONDS: Final = 60.0  # age of an answer that another process may not have written yet
NO_STORE: Final = "the service has no store: set MALIGNANCY_STORE"
NO_PREDICTIONS: Final = (
    "the store keeps no predictions: set MALIGNANCY_STORE_KEEPS to predictions or inputs"
)
NO_SUBJECTS: Final = "the service keeps no subjects: set MALIGNANCY_STORE_SUBJECT_KEY"
NAME_RULE: Final = "must be the id of an answer, or ID.N for one of its rows"


@dataclass(slots=True)
class FeedbackAnswer:
    """The answer to a body of ground truth.

    Attributes:
        content: The answer as plain data.
        counts: Numbers of new truths by predicted and true label, "" where there is none.
    """

    content: dict[str, Any]
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)


def require_store(store: "Store | None", *, keeps_predictions: bool = True) -> "Store":
    """Return the store.

    Args:
        store: The store; None without one.
        keeps_predictions: Whether it must keep predictions now.

    Raises:
        Problem: There is none (404).
    """
    if store is None:
        raise Problem(404, _sentence(NO_STORE))
    if keeps_predictions and store.keeps == "counts":
        raise Problem(404, _sentence(NO_PREDICTIONS))
    return store


def answer_feedback(store: "Store", feedback: Feedback, key_id: str | None) -> FeedbackAnswer:
    """Record the truths of a body.

    Args:
        store: The store.
        feedback: The body.
        key_id: Id of the API key; None without one.

    Raises:
        Problem: The only row is unknown (404), expired (410) or invalid (422), or the store is
            unavailable (503).
    """
    from service.store.databases.database import StoreError

    truths, numbers, errors = _truths(feedback)
    results = _record(store, truths, key_id)
    outcomes = dict.fromkeys(("recorded", "superseded", "unchanged"), 0)
    counts: Counter[tuple[str, str]] = Counter()
    for number, result in zip(numbers, results, strict=True):
        if isinstance(result, StoreError):
            if feedback.is_single:
                raise _problem(result, feedback)
            errors[number] = [feedback.error(number, _field_of(result), str(result))]
            continue
        outcomes[result.outcome] += 1
        if result.outcome != "unchanged":
            counts[_labels(result)] += 1
    if feedback.is_single:
        [given] = feedback.rows
        if not isinstance(given, GivenTruth) or errors:
            raise Problem.invalid(errors[0])
        outcome = next(name for name, count in outcomes.items() if count)
        return FeedbackAnswer({"id": given.id, "outcome": outcome}, counts)
    listed = [error for number in sorted(errors) for error in errors[number]]
    content = {"rows": len(feedback.rows), **outcomes, "rejected": len(errors), "errors": listed}
    return FeedbackAnswer(content, counts)


def erase_prediction(store: "Store", name: str) -> dict[str, int]:
    """Erase an answer, or one of its rows, and return the numbers of erased rows by table.

    Args:
        store: The store.
        name: The id of the answer, or ID.N for one of its rows.

    Raises:
        Problem: The id is malformed (422), or the store is unavailable (503).
    """
    from service.store import erasure
    from service.store.identifiers import parse_name

    parsed = parse_name(name)
    if parsed is None:
        raise Problem.invalid([FieldError(field=ID, rule=NAME_RULE)])
    return _erase(store, lambda database, at: erasure.erase_prediction(database, *parsed, at=at))


def erase_subject(store: "Store", subject: str) -> dict[str, int]:
    """Erase all answers of a subject, and return the numbers of erased rows by table.

    Args:
        store: The store.
        subject: The subject, as in `?subject=`.

    Raises:
        Problem: The service keeps no subjects (404), or the store is unavailable (503).
    """
    from service.store import erasure

    digest = store.subject(subject)
    if digest is None:
        raise Problem(404, _sentence(NO_SUBJECTS))
    return _erase(store, lambda database, at: erasure.erase_subject(database, digest, at=at))


def _erase(store: "Store", erase: "Callable[[Database, int], Any]") -> dict[str, int]:
    from service.store.store import now_microseconds

    store.flush(FLUSH_SECONDS)  # so that the numbers include rows that wait
    erased: dict[str, int] = _with_database(
        store, lambda database: erase(database, now_microseconds())
    )._asdict()
    return erased


def _truths(
    feedback: Feedback,
) -> "tuple[list[Truth], list[int], dict[int, list[FieldError]]]":
    """Return truths with the numbers of their rows, and the errors of other rows by number."""
    from service.store.feedback import Truth
    from service.store.identifiers import parse_name

    truths: list[Truth] = []
    numbers: list[int] = []
    errors: dict[int, list[FieldError]] = {}
    for number, row in enumerate(feedback.rows):
        if isinstance(row, GivenTruth):
            name = parse_name(row.id)
            if name is not None:
                truths.append(Truth(*name, row.truth, row.is_text))
                numbers.append(number)
                continue
            row = [FieldError(field=ID, rule=NAME_RULE)]
        errors[number] = [feedback.error(number, each["field"], each["rule"]) for each in row]
    return truths, numbers, errors


def _record(
    store: "Store", truths: "Sequence[Truth]", key_id: str | None
) -> "list[Recorded | StoreError]":
    """Record truths; those of young answers that are unknown a second time, after a flush."""
    from service.store.feedback import UnknownPrediction, record_truths
    from service.store.identifiers import milliseconds_of
    from service.store.store import now_microseconds

    def record(some: "Sequence[Truth]") -> "list[Recorded | StoreError]":
        return _with_database(
            store,
            lambda database: record_truths(
                database, some, at=now_microseconds(), retention=store.retention, key_id=key_id
            ),
        )

    results = record(truths)
    now = time.time() * 1000
    unknown = [
        number
        for number, result in enumerate(results)
        if isinstance(result, UnknownPrediction)
        and abs(milliseconds_of(truths[number].id) - now) < YOUNG_SECONDS * 1000
    ]
    if unknown:
        deadline = time.monotonic() + FLUSH_SECONDS
        store.flush(FLUSH_SECONDS)
        again = record([truths[number] for number in unknown])
        if any(isinstance(each, UnknownPrediction) for each in again):
            # Another process may have answered, which writes within a batch's time.
            time.sleep(max(0.0, deadline - time.monotonic()))
            again = record([truths[number] for number in unknown])
        results = results.copy()
        for number, result in zip(unknown, again, strict=True):
            results[number] = result
    return results


def _with_database(store: "Store", work: "Callable[[Database], R]") -> R:
    """Call a function with a new connection, which takes 1 to 2 ms in SQLite.

    Raises:
        Problem: The store is unavailable (503).
    """
    from service.store.databases.database import StoreError

    try:
        with closing(store.open(read_only=False)) as database:
            return work(database)
    except StoreError:
        raise service_unavailable("The store is unavailable now; repeat the request.") from None


def _problem(error: "StoreError", feedback: Feedback) -> Problem:
    from service.store.feedback import ExpiredPrediction, UnknownPrediction

    for kind, status in ((UnknownPrediction, 404), (ExpiredPrediction, 410)):
        if isinstance(error, kind):
            return Problem(status, _sentence(str(error)))
    return Problem.invalid([feedback.error(0, _field_of(error), str(error))])


def _field_of(error: "StoreError") -> str:
    from service.store.truth import InvalidTruth

    return TRUTH if isinstance(error, InvalidTruth) else ID


def _labels(recorded: "Recorded") -> tuple[str, str]:
    """Return the predicted and the true label of a binary or multi-class target, else ""."""
    if recorded.predicted is None or recorded.true_label is None:
        return "", ""
    return recorded.predicted, recorded.true_label


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
