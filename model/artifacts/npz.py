"""The .npz format: a writer, and a strict reader for untrusted bytes.

The reader evaluates no code and verifies every size. It accepts only what `numpy.savez` writes:
uncompressed members without gaps, no pickles, and headers in exactly NumPy's spelling.
"""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import ArtifactError

MAX_DIRECTORY_BYTES: Final = 1 << 16  # about 700 members; each takes memory before it is checked
_MAGIC: Final = b"\x93NUMPY\x01\0"
_HEADER: Final = re.compile(
    rb"\{'descr': '([^']{1,20})', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n"
)
_TYPES: Final = {
    "<f8": np.float64,
    "<f4": np.float32,
    "<i8": np.int64,
    "<i4": np.int32,
    "<u8": np.uint64,
    "|u1": np.uint8,
    "|b1": np.bool_,
}
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"


def write_npz(arrays: Mapping[str, Array]) -> bytes:
    """Pack named arrays into the bytes of an .npz. Equal arrays give equal bytes."""
    packed = io.BytesIO()
    in_order = {key: np.asarray(array, order="C") for key, array in arrays.items()}
    np.savez(packed, allow_pickle=False, **in_order)
    return packed.getvalue()


def read_npz(packed: bytes) -> dict[str, Array]:
    """Copy the arrays out of the bytes of an .npz.

    The copies need at most as much memory as `packed`.

    Raises:
        ArtifactError: `packed` is not an .npz as `write_npz` makes it.
    """
    try:
        found = list(_arrays(packed))
    except ArtifactError:
        raise
    except Exception:  # zipfile raises many kinds of errors for a damaged archive
        raise _unreadable() from None
    arrays = dict(found)
    if len(arrays) < len(found):
        raise _unreadable()
    return arrays


def _arrays(packed: bytes) -> Iterator[tuple[str, Array]]:
    directory, end = _directory_start(packed), 0
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(packed):
            raise ArtifactError("the arrays must be stored uncompressed")
        start, end = _extent(packed, member, end)
        name = member.filename.removesuffix(".npy")
        yield name, _array(packed, name, start, end)
    if end != directory:
        raise _unreadable()


def _directory_start(packed: bytes) -> int:
    """Return the offset of the central directory, which must reach to the end of the archive.

    Raises ArtifactError, and struct.error for too few bytes.

    Source: APPNOTE.TXT 6.3.10, §4.3.14 to 4.3.16.
    """
    end = len(packed) - 22
    size, start = struct.unpack_from("<LL", packed, max(end, 0) + 12)
    if packed[end - 20 : end - 16] == _LOCATOR_64:  # an archive beyond 2 GiB
        located = struct.unpack_from("<Q", packed, end - 12)[0]
        end -= 76
        size, start = struct.unpack_from("<QQ", packed, end + 40)
        if end != located or packed[end : end + 4] != _END_64:
            raise _unreadable()
    is_last = packed[-22:-18] == _END and packed[-2:] == b"\0\0"
    if not is_last or start + size != end or size > MAX_DIRECTORY_BYTES:
        raise _unreadable()
    return int(start)


def _extent(packed: bytes, member: zipfile.ZipInfo, end_before: int) -> tuple[int, int]:
    """Return the start and end of a member's bytes; it must begin where the one before it ends."""
    at = member.header_offset
    magic, name_size, extra_size = struct.unpack_from("<4s22x2H", packed, at)
    start = at + 30 + name_size + extra_size
    end = start + member.file_size
    name = packed[at + 30 : at + 30 + name_size]
    if (
        at != end_before
        or magic != b"PK\x03\x04"
        or name != member.orig_filename.encode("ascii")
        or not name.endswith(b".npy")
        or member.flag_bits
        or member.compress_size != member.file_size
        or end > len(packed)
        or zlib.crc32(memoryview(packed)[start:end]) != member.CRC
    ):
        raise _unreadable()
    return start, end


def _array(packed: bytes, name: str, start: int, end: int) -> Array:
    """Read one .npy; the shape in its header must match its size."""
    size = struct.unpack_from("<8xH", packed, start)[0]
    data = start + 10 + size
    header = _HEADER.fullmatch(packed, start + 10, min(data, end))
    if packed[start : start + 8] != _MAGIC or header is None:
        raise _unreadable()
    descr = header[1].decode("ascii")
    if descr not in _TYPES:
        raise ArtifactError(f"array {name} has dtype {descr}")
    shape = tuple(int(length) for length in header[2].replace(b",", b" ").split())
    count, dtype = math.prod(shape), np.dtype(descr)
    if data + count * dtype.itemsize != end:
        raise ArtifactError("the size of an array differs from its header")
    flat = np.frombuffer(packed, dtype, count, data)
    return flat.astype(_TYPES[descr]).reshape(shape)


def _unreadable() -> ArtifactError:
    return ArtifactError("the arrays cannot be read")
