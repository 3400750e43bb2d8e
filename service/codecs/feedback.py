"""Codec of ground truth: ids and truths in JSON, CSV or NDJSON."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from service.codecs.byte_order_mark import without_mark
from service.codecs.negotiation import CSV, JSON, NDJSON, TSV
from service.problems import FieldError, Problem, safe_name

MAX_FEEDBACK_ROWS: Final = 10_000  # of one body; fixed
MEDIA_TYPES: Final = (JSON, CSV, TSV, NDJSON)
ID, TRUTH, FEEDBACK, ROWS = "id", "truth", "feedback", "rows"
_DELIMITERS: Final = {CSV: ",;\t|", TSV: "\t"}
_NO_NAME: Final = "must be the id of an answer, or ID.N for one of its rows"
_NO_OBJECT: Final = "must be an object of id and truth"


class GivenTruth(NamedTuple):
    """The truth of one row, as a client states it.

    Attributes:
        id: Name of the prediction.
        truth: The truth: a JSON value, or the text of a cell.
        is_text: True for the text of a cell.
    """

    id: str
    truth: Any
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Feedback:
    """The rows of one body.

    Attributes:
        rows: Each row, or the errors of its form.
        path: Path of the rows in errors; "" for an only row.
    """

    rows: list[GivenTruth | list[FieldError]]
    path: str = ""

    @property
    def is_single(self) -> bool:
        """True for a body that is one object in JSON."""
        return not self.path

    def error(self, row: int, field: str, rule: str) -> FieldError:
        """Return an error of a row, with its path.

        Args:
            row: Number of the row.
            field: Field of the row; "" for the whole row.
            rule: The rule that it breaks.
        """
        place = f"{self.path}.{row}" if self.path else ""
        return FieldError(field=".".join(filter(None, (place, field))) or "body", rule=rule)


def read_feedback(media_type: str, body: bytes, *, has_header: bool = True) -> Feedback:
    """Parse a body.

    Args:
        media_type: One of `MEDIA_TYPES`.
        body: The body.
        has_header: False for a table whose columns are id and truth, without a header row.

    Raises:
        Problem: The body is malformed (400), has no rows of this form or too many (422).
    """
    try:
        text = without_mark(body).decode()
    except UnicodeDecodeError:
        raise Problem(400, "The body is malformed: it is not UTF-8.") from None
    if media_type == JSON:
        return _of_json(text)
    rows = _lines(text) if media_type == NDJSON else _cells(text, media_type, has_header)
    found: list[GivenTruth | list[FieldError]] = []
    for row in rows:
        found.append(row)
        _require_few(found)
    return Feedback(found, ROWS)


def _of_json(text: str) -> Feedback:
    try:
        value = _loads(text)
    except _Twice:
        raise _invalid("body", "must not give a name twice") from None
    except (ValueError, RecursionError):
        raise Problem(400, "The body is malformed: it is not valid JSON.") from None
    if isinstance(value, dict) and set(value) != {FEEDBACK}:
        return Feedback([_row(value)])
    rows = value[FEEDBACK] if isinstance(value, dict) else value
    if not isinstance(rows, list):
        rule = f"must be an object of id and truth, an array of them, or {{{FEEDBACK}: […]}}"
        raise _invalid("body", rule)
    _require_few(rows)
    return Feedback([_row(each) for each in rows], FEEDBACK)


def _lines(text: str) -> Iterator[GivenTruth | list[FieldError]]:
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            value = _loads(line)
        except _Twice:
            yield [FieldError(field="", rule="must not give a name twice")]
        except (ValueError, RecursionError):
            yield [FieldError(field="", rule="must be valid JSON")]
        else:
            yield _row(value)


def _row(value: Any) -> GivenTruth | list[FieldError]:
    if not isinstance(value, dict):
        return [FieldError(field="", rule=_NO_OBJECT)]
    errors = [
        FieldError(field=safe_name(name), rule="must not be given, only id and truth")
        for name in value
        if name not in (ID, TRUTH)
    ]
    if not isinstance(value.get(ID), str):
        errors.append(FieldError(field=ID, rule=_NO_NAME))
    if TRUTH not in value:
        errors.append(FieldError(field=TRUTH, rule="must be given"))
    return errors or GivenTruth(value[ID], value[TRUTH])


def _cells(text: str, media_type: str, has_header: bool) -> Iterator[GivenTruth | list[FieldError]]:
    """Yield the rows of a table. The delimiter is the one with which the header has both names."""
    names, delimiter = [ID, TRUTH], _DELIMITERS[media_type][0]
    if has_header:
        found = ((_names(text, each), each) for each in _DELIMITERS[media_type])
        wanted = ((names, each) for names, each in found if {ID, TRUTH} <= set(names))
        names, delimiter = next(wanted, ([], ""))
        if not all(names.count(each) == 1 for each in (ID, TRUTH)):
            raise _invalid("header", "must have the columns id and truth, each once")
    id_at, truth_at = names.index(ID), names.index(TRUTH)
    try:
        for row in list(_reader(text, delimiter))[has_header:]:
            if not row:
                continue
            if len(row) != len(names):
                yield [FieldError(field="", rule=f"must have {len(names)} cells")]
            elif not row[truth_at].strip():
                yield [FieldError(field=TRUTH, rule="must be given")]
            else:
                yield GivenTruth(row[id_at].strip(), row[truth_at].strip(), is_text=True)
    except csv.Error:
        raise Problem(400, "The body is malformed: it is not valid CSV.") from None


def _names(text: str, delimiter: str) -> list[str]:
    try:
        return [each.strip() for each in next(_reader(text, delimiter), [])]
    except csv.Error:
        return []


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


class _Twice(ValueError):
    """A name is given twice."""


def _loads(text: str) -> Any:
    """Parse JSON. Raises ValueError for NaN and infinities, too."""
    return json.loads(text, object_pairs_hook=_object, parse_constant=_reject)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice
    return found


def _reject(_: str) -> None:
    raise ValueError


def _require_few(rows: list[Any]) -> None:
    if len(rows) > MAX_FEEDBACK_ROWS:
        raise _invalid("body", f"must have at most {MAX_FEEDBACK_ROWS} rows")


def _invalid(field: str, rule: str) -> Problem:
    return Problem.invalid([FieldError(field=field, rule=rule)])
