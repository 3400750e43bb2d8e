"""A training that is killed or interrupted at a random step resumes to the same artifact."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from model.artifacts import artifact

RECIPE = """
extends = "article"
name = "quick"

[network]
layers = [
    { name = "dense", units = 8, activation = "relu" },
    { name = "dropout", rate = 0.1 },
    { name = "dense", units = 1 },
]

[training]
optimizer = "adam"
learning_rate = 0.01
epochs = 300
batch_size = 128
average = 0.9
augmentation = ["mixup"]
report_every = 50
"""
EVERY_STEP = ("--checkpoint", "state", "--checkpoint-seconds", "0")
SECONDS = 60  # timeout of every wait
Process = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def _children_handle_ctrl_c() -> Iterator[None]:
    """Restore the SIGINT handler, since a shell's background jobs ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def training(folder: Path, output: str, *options: str) -> Iterator[Process]:
    """Run `python -m model train` within the context; the process is killed at its end."""
    (folder / "quick.toml").write_text(RECIPE)
    command = [sys.executable, "-W", "error", "-m", "model", "train", "quick.toml"]
    with subprocess.Popen(
        [*command, "--output", output, *options],
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(folder: Path, output: str, *options: str) -> None:
    with training(folder, output, *options) as process:
        error = process.communicate(timeout=SECONDS)[1]
        assert (process.returncode, error) == (0, "")


def wait_for_writes(process: Process, path: Path, writes: int) -> None:
    """Wait until the file has been replaced `writes` times."""
    deadline, before = time.monotonic() + SECONDS, identity(path)
    while writes:
        assert process.poll() is None, "the training ended by itself"
        assert time.monotonic() < deadline, "no checkpoint is written"
        found = identity(path)
        if found not in (before, None):
            before, writes = found, writes - 1
        time.sleep(0.0005)


def identity(path: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns
    return None


@pytest.mark.slow
def test_a_killed_and_interrupted_training_resumes_to_the_same_artifact(tmp_path: Path) -> None:
    path, output, chance = tmp_path / "state", tmp_path / "out.joblib", random.Random(0)
    with training(tmp_path, "out.joblib", *EVERY_STEP) as process:
        wait_for_writes(process, path, chance.randint(1, 60))
        time.sleep(chance.random() / 100)  # at any point of a step or of a write
        process.kill()
        assert process.wait(SECONDS) == -signal.SIGKILL
    assert path.exists()
    assert not output.exists()

    with training(tmp_path, "out.joblib", *EVERY_STEP) as process:
        wait_for_writes(process, path, chance.randint(20, 60))
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 130
    match = re.fullmatch(
        r"interrupted: the best weights so far, of epoch (\d+), are saved.*\n", error
    )
    assert match, error
    assert 0 < int(match[1]) < 300
    interrupted = output.read_bytes()
    assert artifact.load(output).name == "quick"
    assert path.exists()

    finish(tmp_path, "out.joblib", "--checkpoint", "state")
    assert not path.exists()
    finish(tmp_path, "whole.joblib")
    assert output.read_bytes() == (tmp_path / "whole.joblib").read_bytes() != interrupted
