"""service/overload/rejections.py: the error format of a path, with and without a prefix."""

import pytest

from service.overload.rejections import RejectionWriter


@pytest.mark.parametrize(
    ("target", "is_inference_error"),
    [
        (b"/v2/models/a/infer", True),
        (b"/triage/v2/models/a/infer", True),
        (b"/triage/predict", False),
        (b"/other/v2/models/a/infer", False),
    ],
)
def test_the_error_format_follows_from_the_path(target: bytes, is_inference_error: bool) -> None:
    data = b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    written = RejectionWriter(b"/triage").write_all(data, [])
    assert written is not None
    ((response,), _) = written
    assert (b'{"error":' in response) is is_inference_error
