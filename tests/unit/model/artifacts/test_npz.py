"""model/artifacts/npz.py: exact round trips, and rejection of inconsistent archives."""

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Array
from model.artifacts.npz import read_npz, write_npz
from model.errors import ArtifactError

ARRAYS = {"theta": np.arange(166.0), "labels": np.arange(6).reshape(2, 3) % 2 == 1}
READ = "the arrays cannot be read"
SIZE = "the size of an array differs from its header"
STORED = "the arrays must be stored uncompressed"
OF_TYPE = "array theta has dtype"


def error_text(packed: bytes) -> str:
    with pytest.raises(ArtifactError) as error:
        read_npz(packed)
    return str(error.value)


def same(found: dict[str, Array], expected: dict[str, Array]) -> bool:
    return list(found) == list(expected) and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        for a, b in zip(found.values(), expected.values(), strict=True)
    )


@pytest.mark.parametrize("dtype", "float64 float32 int64 int32 uint64 uint8 bool".split())
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (0, 5), (2, 3, 4)])
def test_round_trip(dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
    arrays = {"a": np.ones(shape, dtype), "b": np.zeros(shape, dtype).T}
    packed = write_npz(arrays)
    assert same(read_npz(packed), arrays)
    with np.load(io.BytesIO(packed)) as numpy_arrays:
        assert same(dict(numpy_arrays), arrays)


def test_objects_are_not_written() -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz({"a": np.array([object()])})


def test_read_arrays_are_copies() -> None:
    packed = write_npz(ARRAYS)
    read_npz(packed)["theta"][:] = 0
    assert same(read_npz(packed), ARRAYS)


def test_zip64_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives beyond 2 GiB have them; a limit of 0 makes zipfile write them always."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 0)
    packed = write_npz(ARRAYS)
    assert packed[-42:-38] == b"PK\x06\x07"
    assert same(read_npz(packed), ARRAYS)
    for offset in (0, len(packed) - 97, 2**63):
        assert error_text(packed[:-34] + struct.pack("<Q", offset) + packed[-26:]) == READ
    assert error_text(packed[:-98] + b"PK\x06\x05" + packed[-94:]) == READ


def rewritten(npy: bytes) -> bytes:
    """Return the archive of ARRAYS with other bytes as its theta.npy."""
    archive = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(write_npz(ARRAYS))) as old,
        zipfile.ZipFile(archive, "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, npy if name == "theta.npy" else old.read(name))
    return archive.getvalue()


def npy(header: str, numbers: bytes = ARRAYS["theta"].tobytes()) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text + numbers


def described(descr: str = "'<f8'", fortran: str = "False", shape: str = "(166,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def test_unchanged_header() -> None:
    assert same(read_npz(rewritten(npy(described()))), ARRAYS)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (described(shape="(1000000000000000,)"), SIZE),
        (described(shape="(165,)"), SIZE),
        (described(shape="(83, 3)"), SIZE),
        (described(shape=f"(0, {2**62})"), SIZE),
        (described(shape=f"({2**62}, {2**62}, 4)"), SIZE),
        (described(shape="(-2, -83)"), READ),
        (described(shape="(1,) * 166"), READ),
        (described(shape=f"({'1, ' * 100}166)"), READ),
        (described(shape=f"({'9' * 5000},)"), READ),
        (described(shape="'166'"), READ),
        (described(shape="(1.5,)"), READ),
        (described(shape="(166L,)"), READ),
        (described(shape="(0xA6,)"), READ),
        (described(shape="(len(open('/tmp/x', 'w').name),)"), READ),
        (described(shape="(__import__('os').system('true'),)"), READ),
        (described(fortran="True"), READ),
        (described(fortran="0"), READ),
        (described("'|O'"), f"{OF_TYPE} |O"),
        (described("'>f8'"), f"{OF_TYPE} >f8"),
        (described("'<f16'"), f"{OF_TYPE} <f16"),
        (described("'|V8'"), f"{OF_TYPE} |V8"),
        (described("'no type'"), f"{OF_TYPE} no type"),
        (described("[('a', '<f8')]"), READ),
        (described("[('a', '|O')]"), READ),
        (described("('<f8', (2, 83))"), READ),
        (described("{'names': ['a'], 'formats': ['<f8'], 'offsets': [8]}"), READ),
        ("{'descr': '<f8', 'shape': (166,), }", READ),
        (described() + described(), READ),
        ("(" * 60_000, READ),
        ("-" * 60_000 + "1", READ),
        ("[]", READ),
        ("", READ),
    ],
)
def test_invalid_header(header: str, why: str) -> None:
    assert error_text(rewritten(npy(header))) == why


@pytest.mark.parametrize("magic", [b"\x93NUMPY\x02\0", b"\x93NUMPY\x03\0", b"\x80\x04\x95aaaaa"])
def test_other_npy_versions(magic: bytes) -> None:
    assert error_text(rewritten(magic + npy(described())[8:])) == READ
    assert error_text(rewritten(magic)) == READ


@pytest.mark.parametrize("length", [0, 9, 65535])
def test_wrong_header_length(length: int) -> None:
    good = npy(described())
    assert error_text(rewritten(good[:8] + length.to_bytes(2, "little") + good[10:])) == READ


Change = Callable[
    [bytearray, int, int], object
]  # arguments: archive, offset of a local header, offset of its directory entry


def put(offset: int, form: str, value: int, where: str) -> Change:
    def change(packed: bytearray, local: int, entry: int) -> None:
        struct.pack_into(form, packed, (local if where == "local" else entry) + offset, value)

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(10, "<H", zipfile.ZIP_DEFLATED, "entry"), STORED),
        (put(10, "<H", zipfile.ZIP_LZMA, "entry"), STORED),
        (put(24, "<L", 2**31, "entry"), STORED),  # size
        (put(24, "<L", 10, "entry"), READ),
        (put(20, "<L", 10, "entry"), READ),  # compressed size
        (put(16, "<L", 0, "entry"), READ),  # checksum
        (put(8, "<H", 1, "entry"), READ),  # encrypted
        (put(8, "<H", 8, "entry"), READ),  # sizes follow
        (put(42, "<L", 0, "entry"), READ),  # offset: over the first member
        (put(42, "<L", 2**31, "entry"), READ),
        (put(42, "<L", 2**32 - 1, "entry"), READ),  # in a zip64 field that is not there
        (put(46, "<B", ord("x"), "entry"), READ),  # another name
        (put(0, "<B", 0, "entry"), READ),
        (put(0, "<B", 0, "local"), READ),
        (put(26, "<H", 65535, "local"), READ),
        (put(28, "<H", 0, "local"), READ),
        (put(30, "<B", ord("x"), "local"), READ),
    ],
)
def test_inconsistent_zip_records(change: Change, why: str) -> None:
    packed = bytearray(write_npz(ARRAYS))
    change(packed, packed.rindex(b"PK\x03\x04"), packed.rindex(b"PK\x01\x02"))
    assert error_text(bytes(packed)) == why


def test_overlapping_members() -> None:
    packed = bytearray(write_npz({"a": np.zeros(9), "b": np.zeros(9)}))
    entries = packed.index(b"PK\x01\x02"), packed.rindex(b"PK\x01\x02")
    packed[entries[1] : entries[1] + 47] = packed[entries[0] : entries[0] + 47]
    assert error_text(bytes(packed)) == READ


@pytest.mark.parametrize("more", [b"\0", b"PK\x05\x06" + bytes(18), bytes(1000)])
def test_extra_bytes(more: bytes) -> None:
    packed = write_npz(ARRAYS)
    directory = packed.index(b"PK\x01\x02")
    for at in (0, directory, len(packed)):
        assert error_text(packed[:at] + more + packed[at:]) == READ
    assert error_text(packed[:-2] + len(more).to_bytes(2, "little") + more) == READ


def test_member_names() -> None:
    def archive(*names: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as new:
            for number, name in enumerate(names):
                new.writestr(f"{number}", b"")
                new.filelist[-1].filename = new.filelist[-1].orig_filename = name
        return file.getvalue()

    for names in (("a",), ("é.npy",), ("a.npy", "a.npy")):
        assert error_text(archive(*names)) == READ
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as new:
        new.writestr("theta.npy", npy(described()))
        with pytest.warns(UserWarning, match="Duplicate name"):
            new.writestr("theta.npy", npy(described()))
    assert error_text(twice.getvalue()) == READ


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as new:
        for number in range(2000):
            new.writestr(f"{number}.npy", b"")
    monkeypatch.delattr(zipfile, "ZipFile")
    assert error_text(packed.getvalue()) == READ


@pytest.mark.parametrize("parameters", [166, 10**7])
def test_compressed_archive_is_not_unpacked(parameters: int) -> None:
    archive = io.BytesIO()
    np.savez_compressed(archive, theta=np.zeros(parameters))
    assert error_text(archive.getvalue()) == STORED


@given(st.binary(max_size=300))
def test_random_bytes(packed: bytes) -> None:
    assert error_text(packed) == READ


def test_every_flipped_byte_and_every_truncation() -> None:
    """A damaged archive is rejected or gives equal arrays (an entry's date is not used)."""
    packed = write_npz(ARRAYS)
    kept, tried = 0, 3 * len(packed)
    for position in range(len(packed)):
        assert error_text(packed[:position])
        for flip in (0x01, 0x80, 0xFF):
            flipped: Any = bytearray(packed)
            flipped[position] ^= flip
            try:
                arrays = read_npz(bytes(flipped))
            except ArtifactError:
                continue
            kept += 1
            assert same(arrays, ARRAYS)
    assert 0 < kept < tried / 10
