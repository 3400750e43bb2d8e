"""Long form of tests/security/test_fuzzed_bodies.py, and a coverage-guided fuzzer.

The environment variable FUZZING_SECONDS sets the time per reader; default 120 s.
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
def test_bodies_are_rejected_or_read(target: str, figures: Callable[[str], None]) -> None:
    arrow_or_skip(target)
    assert fuzz(target, EXAMPLES)
    figures(
        f"{EXAMPLES} bodies, each rejected with an error text or read like the reference reader"
    )


@pytest.mark.timeout(3000 + SECONDS)
@pytest.mark.parametrize("target", TARGETS)
def test_coverage_guided_fuzzing(
    target: str, tmp_path: Path, figures: Callable[[str], None]
) -> None:
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
