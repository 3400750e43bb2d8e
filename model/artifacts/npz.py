"""Arrays as an .npz, and back by a reader that evaluates nothing and believes no claim.

It reads what `numpy.savez` writes, member after member without a gap, and nothing else: neither a
compressed member nor a pickle, and a header only in the words that NumPy writes.
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

MAX_DIRECTORY_BYTES: Final = 1 << 16  # some 700 members: each costs memory before it is checked
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
    """The bytes of an .npz of these arrays, the same for the same arrays."""
    packed = io.BytesIO()
    in_order = {key: np.asarray(array, order="C") for key, array in arrays.items()}
    np.savez(packed, allow_pickle=False, **in_order)
    return packed.getvalue()


def read_npz(packed: bytes) -> dict[str, Array]:
    """The arrays, copied. Raises ArtifactError. Needs no more memory than the bytes themselves."""
    try:
        found = list(_arrays(packed))
    except ArtifactError:
        raise
    except Exception:  # a broken archive can make zipfile raise anything
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
            raise ArtifactError("its arrays must be stored uncompressed")
        start, end = _extent(packed, member, end)
        name = member.filename.removesuffix(".npy")
        yield name, _array(packed, name, start, end)
    if end != directory:
        raise _unreadable()


def _directory_start(packed: bytes) -> int:
    """Where the directory begins; it and the records after it, all there is, end the archive.

    APPNOTE.TXT 6.3.10, §4.3.14 to 16. Raises struct.error, too, for what is too short.
    """
    end = len(packed) - 22
    size, start = struct.unpack_from("<LL", packed, max(end, 0) + 12)
    if packed[end - 20 : end - 16] == _LOCATOR_64:  # of an archive beyond 2 GiB
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
    """Where a member's bytes start and end; it begins where the one before it ends."""
    at = member.header_offset
    mark, name_size, more_size = struct.unpack_from("<4s22x2H", packed, at)
    start = at + 30 + name_size + more_size
    end = start + member.file_size
    name = packed[at + 30 : at + 30 + name_size]
    if (
        at != end_before
        or mark != b"PK\x03\x04"
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
    """The array whose .npy is these bytes; the shape it claims must be the size it has."""
    size = struct.unpack_from("<8xH", packed, start)[0]
    numbers = start + 10 + size
    header = _HEADER.fullmatch(packed, start + 10, min(numbers, end))
    if packed[start : start + 8] != _MAGIC or header is None:
        raise _unreadable()
    described = header[1].decode("ascii")
    if described not in _TYPES:
        raise ArtifactError(f"its array {name} is of type {described}")
    shape = tuple(int(length) for length in header[2].replace(b",", b" ").split())
    count, stored = math.prod(shape), np.dtype(described)
    if numbers + count * stored.itemsize != end:
        raise ArtifactError("its arrays do not have the size they claim")
    flat = np.frombuffer(packed, stored, count, numbers)
    return flat.astype(_TYPES[described]).reshape(shape)


def _unreadable() -> ArtifactError:
    return ArtifactError("its arrays cannot be read")
