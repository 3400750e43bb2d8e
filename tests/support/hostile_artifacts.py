"""Generators of hostile and broken artifacts, as (name, content); all must be rejected."""

import io
import json
import os
import pickle
import pickletools
import random
import socket
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from model.artifacts import artifact

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
Named = Iterator[tuple[str, bytes]]


class Gadget:
    """An object whose unpickling calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class Built:
    """An object whose unpickling sets attributes."""

    def __getstate__(self) -> tuple[None, dict[str, str]]:
        return None, {"__class__": "x"}


def gadgets(content: dict[str, Any], canary: str) -> Named:
    touch = f"open({canary!r}, 'w')"
    calls = [
        Gadget(os.system, f"touch {canary}"),
        Gadget(eval, touch),
        Gadget(exec, touch),
        Gadget(open, canary, "w"),
        Gadget(getattr, "", "upper"),
        Gadget(subprocess.check_call, ["touch", canary]),
        Gadget(pickle.loads, pickle.dumps(Gadget(eval, touch))),
        Built(),
        np.array([Gadget(eval, touch)], object),
        np.zeros(3),
        Path(canary),
        {1, 2},
        1.5,
    ]
    for protocol in PROTOCOLS:
        for number, gadget in enumerate(calls):
            if number == 4 and protocol < 2:
                continue
            for place in ("format", "metadata", "arrays", "more"):
                changed = content | {place: gadget}
                yield f"gadget-{protocol}-{number}-{place}", pickle.dumps(changed, protocol)
            yield f"gadget-{protocol}-{number}-alone", pickle.dumps(gadget, protocol)
            yield f"gadget-{protocol}-{number}-list", pickle.dumps([content, gadget], protocol)


def opcodes(good: bytes) -> Named:
    """Yield every pickle opcode that plain data does not need, alone and within a valid file."""
    allowed = "PROTO FRAME EMPTY_DICT MEMOIZE BINPUT MARK SHORT_BINUNICODE BINUNICODE BININT1 "
    allowed += "SHORT_BINBYTES BINBYTES BINBYTES8 SETITEMS STOP"
    for opcode in pickletools.opcodes:
        if opcode.name in allowed.split():
            continue
        size = 0 if opcode.arg is None else opcode.arg.n
        argument = b"os\nsystem\n" if size < 0 else bytes(size)
        code = opcode.code.encode("latin-1") + argument
        for protocol in (2, 3, 4, 5):
            head = bytes((0x80, protocol))
            yield f"opcode-{opcode.name}-{protocol}", head + b"}(}}" + code + b"."
        yield f"opcode-{opcode.name}-before", good[:2] + code + good[2:]
        yield f"opcode-{opcode.name}-after", good[:-1] + code + b"."


def cuts(good: bytes, draw: random.Random) -> Named:
    """Yield files that are cut at, beside and between the borders of regions, and with a tail."""
    places = {position for _, _, position in pickletools.genops(good) if position is not None}
    for mark in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x93NUMPY", b"{'descr'", b"\n"):
        at = good.find(mark)
        while at >= 0:
            places |= {at, at + len(mark)}
            at = good.find(mark, at + 1)
    near = {place + by for place in places for by in (-1, 0, 1)}
    for place in sorted(near | {draw.randrange(len(good)) for _ in range(200)}):
        if 0 <= place < len(good):
            yield f"cut-{place}", good[:place]
    for number, junk in enumerate((b"\0", b".", b"}.", b"\n", good, bytes(10**6))):
        yield f"junk-{number}", good + junk


def metadata(content: dict[str, Any]) -> Named:
    """Yield deep, wide, false and huge JSON metadata."""

    def other(section: str, value: object) -> str:
        metadata = json.loads(content["metadata"])
        inner = metadata
        *path, last = section.split(".")
        for part in path:
            inner = inner[part]
        inner[last] = value
        return json.dumps(metadata)

    wide = {"name": "dense", "units": 1}
    conv = {"name": "conv1d", "filters": 10**6, "kernel": 1}
    nested: dict[str, Any] = wide
    for _ in range(60):
        nested = {"name": "residual", "layers": [nested]}
    layers = [[wide] * 10**5, ["flatten"] * 10**5, [conv, conv, wide], [conv] * 900, [nested]]
    layers += [[{"name": "residual", "layers": ["flatten"] * 10**5}], [{"layers": 3}], [None]]
    texts = [other("network.layers", each) for each in layers]
    inputs: list[object] = [-1, 0, 10**9, 10**400, 1e308, None, []]
    texts += [other("network.inputs", each) for each in inputs]
    texts += [other("schema.features", [{"name": f"f{n}"} for n in range(10_001)])]
    features: list[object] = [[], {}, [[]], "x", [{"name": "\0"}]]
    texts += [other("schema.features", each) for each in features]
    texts += [other("name", each) for each in ("../x", "a/b", "A", "a" * 65, "a\n", "", "\u202e")]
    texts += [other(f"facts.{key}", float("nan")) for key in "ab"]
    texts += [other("more", 1), "", "\0", "{}", "[]", "null", "NaN", '"x"', "\ud800", "\ufeff{}"]
    for depth in (300, 10**3, 10**5, 10**6):
        texts += ["[" * depth, '{"a":' * depth, "[" * depth + "]" * depth]
        texts.append(other("facts", "DEEP").replace('"DEEP"', '{"a":' * depth + "1" + "}" * depth))
        texts.append(other("facts", "LONG").replace('"LONG"', "9" * depth))
    for unit in ("[],", "{},", "0.5,", '"",', '{"a":0},', '"' + "é" * 30 + '",'):
        values = artifact.MAX_METADATA_VALUES // sum(map(unit.count, ",[{")) - 1000
        for count in (values, 2 * values, artifact.MAX_METADATA_CHARACTERS // len(unit)):
            fill = "[" + unit * count + "0]"
            lies = other("name", "NOT A NAME").replace('"facts": {', f'"facts": {{"x": {fill}, ')
            texts += [lies, fill]
    for number, text in enumerate(texts):
        yield f"metadata-{number}", pickled(content | {"metadata": text})


def pickled(content: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    if "\ud800" in content["metadata"]:
        return pickle.dumps(content)
    joblib.dump(content, file)
    return file.getvalue()


def archives(content: dict[str, Any], canary: str) -> Named:
    """Yield invalid arrays: of objects, of records, with false headers, compressed."""
    with np.load(io.BytesIO(content["arrays"])) as loaded:
        arrays = dict(loaded)
    gadget = Gadget(eval, f"open({canary!r}, 'w')")
    kinds: list[Any] = [
        np.array([gadget], object),
        np.zeros(3, [("a", "<f8"), ("b", "<i4")]),
        np.array([(gadget, 1)], [("a", "O"), ("b", "<i4")]),
        *(np.zeros(3, dtype) for dtype in ("M8[s]", "U8", "S8", "V8", "c16", "f2", ">f8", "i1")),
        np.full(9, np.nan),
        np.full(9, np.inf),
        np.zeros((2**10, 0, 3)),
    ]
    heads = [
        "(10000000000000,)|(-1,)|(-2, -83)|(0, 4611686018427387904)|(1.5,)|'9'|(9, )|(0x9,)|[9]",
        "(__import__('os').system('touch %s'),)|(9 if 1 else 2,)|(1e3,)|(True,)|()|((9,),)|(9L,)",
    ]
    shapes = ("|".join(heads) % canary).split("|")
    for name in arrays:
        for number, kind in enumerate(kinds):
            yield (
                f"array-{name}-{number}",
                pickled(content | {"arrays": zipped({**arrays, name: kind})}),
            )
        for number, shape in enumerate(shapes):
            head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n"
            lie = (
                b"\x93NUMPY\x01\0" + len(head).to_bytes(2, "little") + head.encode() + bytes(8 * 7)
            )
            yield (
                f"header-{name}-{number}",
                pickled(content | {"arrays": zipped(arrays, {name: lie})}),
            )
        for number, method in enumerate(
            (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        ):
            packed = zipped(arrays, {name: bytes(10**5)}, method)
            yield f"packed-{name}-{number}", pickled(content | {"arrays": packed})
    yield "bomb", pickled(content | {"arrays": bomb(zipped(arrays))})
    many = zipped({}, {f"{number}": b"" for number in range(20_000)})
    yield "members", pickled(content | {"arrays": many})
    tests = {"self_test_rows": np.ones((10**5, 9)), "self_test_predictions": np.zeros((10**5, 1))}
    yield "self-tests", pickled(content | {"arrays": zipped(arrays | tests)})


def zipped(
    arrays: dict[str, Any], raw: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED
) -> bytes:
    """Return a ZIP archive of arrays; the members in `raw` are bytes, compressed by `method`."""
    file, raw = io.BytesIO(), raw or {}
    with zipfile.ZipFile(file, "w") as archive:
        for name in {**arrays, **raw}:
            member = io.BytesIO(raw.get(name, b""))
            if name not in raw:
                np.lib.format.write_array(member, arrays[name], allow_pickle=True)
            chosen = method if name in raw else zipfile.ZIP_STORED
            archive.writestr(f"{name}.npy", member.getvalue(), chosen)
    return file.getvalue()


def bomb(archive: bytes) -> bytes:
    """Add a member of 16 GiB of zeros in 16 MB, as a repeated compressed block of 1 MiB."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    squeeze.compress(bytes(1 << 20))
    squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    file = io.BytesIO(archive)
    with zipfile.ZipFile(file, "a") as new:
        new.writestr("bomb.npy", block * (1 << 14) + squeeze.flush())
        info = new.getinfo("bomb.npy")
        info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, 1 << 34
    return file.getvalue()


def special(folder: Path, good: Path) -> None:
    """Create links, a folder, a FIFO, a socket and sparse files in a folder."""
    (folder / "link-itself").symlink_to("link-itself")
    for name in (
        "/dev/zero",
        "/dev/random",
        "/dev/tty",
        "/dev/null",
        "/",
        "/none",
        "/proc/self/mem",
    ):
        (folder / f"link{name.replace('/', '-')}").symlink_to(name)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(folder)  # a socket's path must be short
        listening.bind("socket")
        os.chdir(before)
    for name, size in (("sparse-1t", 1 << 40), ("sparse-over", artifact.MAX_BYTES + 1)):
        (folder / name).touch()
        os.truncate(folder / name, size)
    for name, size in (("sparse-256m", 1 << 28), ("sparse-tail", 1 << 26)):
        (folder / name).write_bytes(good.read_bytes() if "tail" in name else b"")
        os.truncate(folder / name, size)
