"""Bodies compressed by each content coding, as clients do."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any, Final

from service.compression.codings import zstd_module


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def zstd_frame(content: bytes) -> bytes:
    module: Any = zstd_module()
    frame: bytes = module.compress(content)
    return frame


# The coding and the compressor of each format; that of zstd only where its extra is installed.
FORMATS: Final[dict[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    **({"zstd": ("zstd", zstd_frame)} if zstd_module() else {}),
}
