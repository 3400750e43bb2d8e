"""The one file in a multipart/form-data body, as HTML forms and `curl -F file=@table.csv` send it.

Source: RFC 7578, https://multipart.readthedocs.io/
"""

from pathlib import PurePosixPath

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from service.codecs.accept import parse_media_range
from service.codecs.negotiation import EXTENSIONS, NAMES
from service.problems import FieldError, Problem, safe_name

MAX_HEADERS, MAX_HEADER_BYTES = 8, 4096  # of a part
PLAIN_ENCODINGS = ("7bit", "8bit", "binary")


class UploadReader:
    """Takes the content of the file out of a body chunk by chunk, with constant memory.

    Args:
        content_type: The header of the body, with the boundary.

    Attributes:
        content_type: The file's own Content-Type if it is a media type of rows, else the one that
            belongs to the extension of its name; None before the head of the file has arrived.

    Raises:
        Problem: The body is malformed (400), has no file of a media type of rows (415), or
            another part beside it (422). Raised by the methods, too.
    """

    def __init__(self, content_type: str) -> None:
        self.content_type: str | None = None
        _, parameters = parse_options_header(content_type)
        try:
            self._parser = PushMultipartParser(
                parameters.get("boundary", ""),
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except MultipartError:
            raise _malformed() from None

    def feed(self, data: bytes) -> bytes:
        """Return the content of the file in the next bytes of the body; the epilogue has none."""
        content = []
        try:
            for event in self._parser.parse(data) if data else ():
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event:
                    content.append(event)
        except MultipartError:
            raise _malformed() from None
        return b"".join(content)

    def finish(self) -> None:
        """Raise Problem (400, 422) if the body ends before its last boundary, or has no file."""
        try:
            self._parser.close()
        except MultipartError:
            raise _malformed() from None
        if self.content_type is None:
            raise Problem.invalid([FieldError(field="body", rule="must have a file")])

    def _begin(self, part: MultipartSegment) -> None:
        if self.content_type is not None or (not part.filename and not part.content_type):
            rule = "must be one file and nothing else; a threshold belongs into the query"
            raise Problem.invalid([FieldError(field=safe_name(part.name) or "body", rule=rule)])
        if part.header("Content-Transfer-Encoding", "binary").lower() not in PLAIN_ENCODINGS:
            raise Problem(415, "The file must not have a Content-Transfer-Encoding.")
        self.content_type = part.header("Content-Type", "")
        if parse_media_range(self.content_type).name not in NAMES:
            extension = PurePosixPath(part.filename or "").suffix.lower()
            if extension not in EXTENSIONS:
                raise Problem(
                    415,
                    "The file must have the Content-Type of a table, such as text/csv, or a name "
                    f"that ends in one of {', '.join(EXTENSIONS)}.",
                )
            self.content_type = EXTENSIONS[extension]


def _malformed() -> Problem:
    return Problem(
        400,
        "The body is malformed: it is not multipart/form-data with the boundary of Content-Type.",
    )
