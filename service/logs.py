"""Log lines, on standard error, each with the id of the request it belongs to."""

import logging

from service.middleware import request_id


class _RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def configure_logging(level: str) -> None:
    """Log everything from `level` up, the web server's own messages included."""
    handler = logging.StreamHandler()
    handler.addFilter(_RequestIdFilter())
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s",
        handlers=[handler],
        force=True,
    )
