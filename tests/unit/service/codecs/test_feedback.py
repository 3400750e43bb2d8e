"""Tests of service.codecs.feedback: rows of JSON, CSV and NDJSON, and what is wrong with others."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codecs.feedback import (
    MAX_FEEDBACK_ROWS,
    MEDIA_TYPES,
    Feedback,
    GivenTruth,
    read_feedback,
)
from service.codecs.negotiation import CSV, JSON, NDJSON, TSV
from service.problems import Problem

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)


def read(media_type: str, text: str | bytes, **options: Any) -> Feedback:
    return read_feedback(media_type, text.encode() if isinstance(text, str) else text, **options)


def test_one_object_is_one_truth() -> None:
    feedback = read(JSON, '{"id": "a", "truth": ["x"]}')
    assert feedback.is_single
    assert feedback.rows == [GivenTruth("a", ["x"])]
    assert feedback.error(0, "truth", "r") == {"field": "truth", "rule": "r"}
    assert feedback.error(0, "", "r") == {"field": "body", "rule": "r"}


@pytest.mark.parametrize(
    "form", ['[{"id":"a","truth":1},[]]', '{"feedback":[{"id":"a","truth":1},[]]}']
)
def test_arrays_have_a_row_for_each_item(form: str) -> None:
    feedback = read(JSON, form)
    assert not feedback.is_single
    assert feedback.rows[0] == GivenTruth("a", 1)
    assert feedback.rows[1] == [{"field": "", "rule": "must be an object of id and truth"}]
    assert feedback.error(1, "id", "r")["field"] == "feedback.1.id"


@given(
    st.lists(st.tuples(texts, texts.filter(str.strip)), max_size=5),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_cells_are_read_as_they_were_written(rows: list[tuple[str, str]], delimiter: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["other", "truth", "id"])
    writer.writerows(("x", truth, name) for name, truth in rows)
    feedback = read(CSV, file.getvalue())
    assert feedback.rows == [GivenTruth(name.strip(), truth.strip(), True) for name, truth in rows]
    assert feedback.error(1, "id", "r")["field"] == "rows.1.id"


@given(st.lists(st.tuples(texts, st.none() | st.booleans() | st.integers() | texts), max_size=5))
def test_lines_are_read_as_they_were_written(rows: list[tuple[str, Any]]) -> None:
    lines = [json.dumps({"id": name, "truth": truth}) for name, truth in rows]
    assert read(NDJSON, "\n\n".join(lines)).rows == [GivenTruth(*row) for row in rows]


def test_tables_without_a_header_have_the_columns_in_order() -> None:
    assert read(TSV, "a\tb\n", has_header=False).rows == [GivenTruth("a", "b", True)]
    assert read(CSV, "a,b\r\n", has_header=False).rows == [GivenTruth("a", "b", True)]


@pytest.mark.parametrize(
    ("media_type", "row", "field", "rule"),
    [
        (NDJSON, "{", "", "must be valid JSON"),
        (NDJSON, '{"id":"a","truth":NaN}', "", "must be valid JSON"),
        (NDJSON, '{"id":"a","id":"b","truth":1}', "", "must not give a name twice"),
        (NDJSON, "[" * 100_000, "", "must be valid JSON"),
        (NDJSON, "3", "", "must be an object of id and truth"),
        (NDJSON, '{"truth":1}', "id", "must be the id of an answer"),
        (NDJSON, '{"id":3,"truth":1}', "id", "must be the id of an answer"),
        (NDJSON, '{"id":"a"}', "truth", "must be given"),
        (NDJSON, '{"id":"a","truth":1,"secret\\u0007":2}', "secret?", "must not be given"),
        (CSV, "id,truth\na,b,c", "", "must have 2 cells"),
        (CSV, "id,truth\na, ", "truth", "must be given"),
    ],
)
def test_a_wrong_row_has_its_error(media_type: str, row: str, field: str, rule: str) -> None:
    [errors] = read(media_type, row).rows
    assert isinstance(errors, list)
    [error] = errors
    assert error["field"] == field
    assert rule in error["rule"]


@pytest.mark.parametrize(
    ("media_type", "body", "status", "text"),
    [
        (JSON, "{", 400, "not valid JSON"),
        (JSON, "", 400, "not valid JSON"),
        (JSON, '{"id":"a","truth":Infinity}', 400, "not valid JSON"),
        (JSON, "[" * 100_000, 400, "not valid JSON"),
        (JSON, "3", 422, "must be an object"),
        (JSON, '{"feedback":3}', 422, "must be an object"),
        (JSON, '{"id":"a","id":"b","truth":1}', 422, "must not give a name twice"),
        (CSV, "", 422, "must have the columns"),
        (CSV, "id\na", 422, "must have the columns"),
        (CSV, "id,truth,truth\na,b,c", 422, "must have the columns"),
        (CSV, 'id,truth\n"a"b,c', 400, "not valid CSV"),
        (CSV, f"id,truth\na,{'b' * 200_000}", 400, "not valid CSV"),
        (TSV, "id,truth\na,b", 422, "must have the columns"),
    ],
)
def test_a_wrong_body_is_rejected(media_type: str, body: str, status: int, text: str) -> None:
    with pytest.raises(Problem) as caught:
        read(media_type, body)
    assert caught.value.status == status
    assert text in caught.value.detail + str(caught.value.errors)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_texts_are_utf_8(media_type: str) -> None:
    for body in (b"id,truth\n\xff,b", b"\xff\xfei\0d\0"):
        with pytest.raises(Problem) as caught:
            read(media_type, body)
        assert caught.value.status == 400
    assert read(CSV, b"\xef\xbb\xbfid,truth\na,b").rows == [GivenTruth("a", "b", True)]


@pytest.mark.parametrize(
    ("media_type", "start", "row", "between", "end"),
    [
        (JSON, "[", '{"id":"a","truth":1}', ",", "]"),
        (NDJSON, "", '{"id":"a","truth":1}', "\n", ""),
        (CSV, "id,truth\n", "a,b", "\n", ""),
    ],
)
def test_a_body_has_a_limited_number_of_rows(
    media_type: str, start: str, row: str, between: str, end: str
) -> None:
    most = [row] * MAX_FEEDBACK_ROWS
    assert len(read(media_type, start + between.join(most) + end).rows) == MAX_FEEDBACK_ROWS
    with pytest.raises(Problem) as caught:
        read(media_type, start + between.join([*most, row]) + end)
    assert caught.value.errors[0]["rule"] == "must have at most 10000 rows"
