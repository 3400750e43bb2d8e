"""A mutated body is rejected with a Problem, or read as a naive reference reads it.

The long form is tests/stress/stress_fuzzed_bodies.py: make stress.
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
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """Draw a valid body with up to four slices removed, doubled or overwritten."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.sampled_from([0, 1, 2, 4, 8, 20, 60])))
        part = bytes(data[at:to])
        kinds = [b"", part * 2, bytes(len(part)), b"\xff" * len(part), *TOKENS]
        data[at:to] = draw(st.one_of(st.sampled_from(kinds), st.binary(max_size=8)))
    return bytes(data)


def fuzz(target: str, examples: int) -> int:
    """Run the target on mutated bodies, and return the number of accepted ones."""
    accepted = 0

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(mutated(target) | st.binary(max_size=200))
    def check(data: bytes) -> None:
        nonlocal accepted
        accepted += TARGETS[target](data)

    check()
    return accepted


@pytest.mark.parametrize("target", TARGETS)
def test_mutated_bodies_are_rejected_or_read(target: str) -> None:
    arrow_or_skip(target)
    assert all(map(TARGETS[target], seeds(target)))
    assert fuzz(target, 200)
