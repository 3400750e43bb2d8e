"""The long form of tests/security/test_fuzzed_bodies.py, and a fuzzer that is guided by coverage.

FUZZING_SECONDS: how long that fuzzes each reader, in place of two minutes.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from security.test_fuzzed_bodies import arrow_or_skip, fuzz
from support.body_fuzzing import TARGETS
from support.paths import ROOT

EXAMPLES = 20_000
SECONDS = int(os.environ.get("FUZZING_SECONDS", "120"))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("target", TARGETS)
def test_refused_or_read_for_long(target: str, figures: Callable[[str], None]) -> None:
    arrow_or_skip(target)
    assert fuzz(target, EXAMPLES)
    figures(f"{EXAMPLES} bodies, each refused in words or read as a plain reader does")


@pytest.mark.timeout(3000 + SECONDS)
@pytest.mark.parametrize("target", TARGETS)
def test_guided_by_coverage(target: str, tmp_path: Path, figures: Callable[[str], None]) -> None:
    arrow_or_skip(target)
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install atheris==3.0.0, for Python up to 3.13")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.coverage_guided_fuzzing",
            target,
            str(SECONDS),
            str(tmp_path),
        ],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    found = re.search(r"Done (\d+) runs", done.stderr)
    assert found is not None
    assert int(found[1]) > 100
    figures(f"{found[1]} executions in {SECONDS} s, no finding")
