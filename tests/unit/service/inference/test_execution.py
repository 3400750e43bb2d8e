"""Which work runs in the event loop: bodies with few bytes and few values."""

import pytest

from service.inference.execution import INLINE_BYTES, INLINE_VALUES, is_short, max_json_rows


def instances(rows: int, row: str) -> bytes:
    return b'{"instances":[%b]}' % ",".join([row] * rows).encode()


@pytest.mark.parametrize("row", ["{}", "[]", '{"x0": 1.234567890123456}', "[1, 2]"])
def test_a_body_with_few_values_is_short(row: str) -> None:
    few = INLINE_VALUES // 100
    for rows, expected in ((few - 1, True), (few + 1, False)):
        body = instances(rows, row)
        assert max_json_rows(body) >= rows
        assert is_short(body, 100, max_json_rows) is expected


def test_a_large_body_is_not_short() -> None:
    assert is_short(b" " * (INLINE_BYTES - 1), 1, max_json_rows)
    assert not is_short(b" " * INLINE_BYTES, 1, max_json_rows)
