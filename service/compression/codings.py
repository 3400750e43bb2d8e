"""Content codings that the service supports, and the coding of a request's body.

Source: RFC 9110, section 8.4.
"""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Final

from service.problems import Problem

GZIP, DEFLATE, ZSTD, IDENTITY = "gzip", "deflate", "zstd", "identity"
ALIASES: Final = {"x-gzip": GZIP}

Headers = Iterable[tuple[bytes, bytes]]


@cache
def zstd_module() -> Any:
    """Return the module zstd, which the standard library has since Python 3.14; None without it."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def coding_of(headers: Headers) -> str | None:
    """Return the coding of a request's body; None if it is not compressed.

    Args:
        headers: Names in lower case, and values.

    Raises:
        Problem: The coding is not supported, or the body has several (415).
    """
    values = [value for name, value in headers if name == b"content-encoding"]
    if not values:
        return None
    names = [each.strip() for each in b",".join(values).decode("latin-1").lower().split(",")]
    codings = [ALIASES.get(name, name) for name in names if name not in ("", IDENTITY)]
    if not codings:
        return None
    supported = [GZIP, DEFLATE] if zstd_module() is None else [GZIP, DEFLATE, ZSTD]
    if len(codings) > 1 or codings[0] not in supported:
        detail = f"The body may be compressed once, as {' or '.join(supported)}."
        if ZSTD in codings and ZSTD not in supported:
            detail += " zstd needs the service's zstd extra: pip install 'malignancy[zstd]'."
        raise Problem(415, detail, headers={"Accept-Encoding": ", ".join(supported)})
    return codings[0]
