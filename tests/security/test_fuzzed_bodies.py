"""Whatever a body is: it is refused with a Problem, or read as a naive reader reads it.

tests/stress/stress_fuzzed_bodies.py does the same for longer: make stress.
"""

import importlib.util

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.body_fuzzing import TARGETS, seeds

TOKENS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\n", b"\r", b"\0", b" ", b"null", b"true"),
    *(
        b"NaN",
        b"1e999",
        b"-0",
        b"0.1",
        b"-1",
        b"9" * 400,
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(b'"size"', b'"age"', b'"instances"', b'"input"', b'"data"', b"\\ud800", b"\\u0000", b'""'),
]


def arrow_or_skip(target: str) -> None:
    if target == "arrow" and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")


@st.composite
def changed(draw: st.DrawFn, target: str) -> bytes:
    """A good body with pieces of it cut, doubled, moved, or put in, here and there."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.sampled_from([0, 1, 2, 4, 8, 20, 60])))
        piece = bytes(data[at:to])
        kinds = [b"", piece * 2, bytes(len(piece)), b"\xff" * len(piece), *TOKENS]
        data[at:to] = draw(st.one_of(st.sampled_from(kinds), st.binary(max_size=8)))
    return bytes(data)


def fuzz(target: str, examples: int) -> int:
    """How many of the bodies were taken."""
    taken = 0

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(changed(target) | st.binary(max_size=200))
    def try_it(data: bytes) -> None:
        nonlocal taken
        taken += TARGETS[target](data)

    try_it()
    return taken


@pytest.mark.parametrize("target", TARGETS)
def test_refused_or_read(target: str) -> None:
    arrow_or_skip(target)
    assert all(map(TARGETS[target], seeds(target)))
    assert fuzz(target, 200)
