"""`tune` with Optuna: trials, resuming, Ctrl-C, and figures of noise."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT
from typer.testing import CliRunner

from model.cli import app
from model.errors import MalignancyError
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.table import Table
from model.tuning.search import Ended
from model.tuning.space import search_space
from model.tuning.study import Study

pytest.importorskip("optuna", reason="needs the tune extra")

CREATE_TRIAL = 4  # an operation in Optuna's journal; trials are numbered in this order
RECIPE = """
name = "noise"
data = { file = "rows.csv", target = "y", negative = "no", positive = "yes" }
features = [{ name = "a", type = "number" }, { name = "b", type = "number" }]
split.validation = 0.2
scaling.method = "standard"
network.hidden = [{ units = 4, activation = "relu" }]
training = { optimizer = "adam", learning_rate = 0.02, epochs = EPOCHS, batch_size = 32 }
"""


def write_noise(folder: Path, epochs: int = 5) -> Path:
    """Write a table whose target is noise, and its recipe."""
    generator = np.random.default_rng(0)
    lines = [
        f"{a:.4f},{b:.4f},{'yes' if label else 'no'}"
        for a, b, label in zip(*generator.normal(size=(2, 120)), np.arange(120) % 2, strict=True)
    ]
    (folder / "rows.csv").write_text("\n".join(["a,b,y", *lines, ""]))
    path = folder / "noise.toml"
    path.write_text(RECIPE.replace("EPOCHS", str(epochs)))
    return path


def tune(path: Path, *options: str) -> str:
    done = CliRunner().invoke(app, ["tune", str(path), "--folds", "3", *options])
    assert done.exit_code == 0, done.output
    return done.output


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def has_own_losses(journal: Path) -> bool:
    """Return whether the recipe as given is cross-validated; other trials may be before it."""
    text = journal.read_text() if journal.exists() else ""
    entries = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    created = [each for each in entries if each["op_code"] == CREATE_TRIAL]
    own = [number for number, each in enumerate(created) if "own" in each.get("user_attrs", {})]
    return any(
        each.get("trial_id") in own and "losses" in each.get("user_attr", {}) for each in entries
    )


def test_a_search_is_written_and_continued(tmp_path: Path) -> None:
    path = write_noise(tmp_path)
    shown = tune(path, "--trials", "12")
    tuned = tmp_path / "noise-tuned.toml"
    text = tuned.read_text()
    assert load_recipe(str(tuned)).name == "noise-tuned"
    assert 'extends = "noise.toml"' in text
    assert "12 trials" in text
    assert "12 trials" in shown
    before = records(tmp_path / "noise-tuned.journal")
    assert "2 trials are new, 12 were in the journal" in tune(path, "--trials", "14")
    assert records(tmp_path / "noise-tuned.journal")[: len(before)] == before
    assert "14 trials" in tuned.read_text()
    # Noise: the log-loss of the search is not below that of guessing, but for chance.
    lines = text.splitlines()
    [selected] = [line.split()[1] for line in lines if "the search: for each fold" in line]
    assert float(selected) > np.log(2) - 0.02
    assert "No improvement is shown" in text
    tries = [line.split() for line in lines if line.startswith("#") and line.split()[1].isdigit()]
    proposals = {tuple(cells[3:]) for cells in tries if "given" not in cells}
    assert len(proposals) == 11


def test_a_journal_of_another_search_is_rejected(tmp_path: Path) -> None:
    path = write_noise(tmp_path)
    tune(path, "--trials", "1")
    path.write_text(path.read_text().replace("epochs = 5", "epochs = 6"))
    done = CliRunner().invoke(app, ["tune", str(path), "--folds", "3", "--trials", "1"])
    assert isinstance(done.exception, MalignancyError)
    assert "has trials of another recipe" in str(done.exception)


@pytest.mark.parametrize("text", ["no JSON\n", "[1]\n", "{}\n", "1\n"])
def test_another_file_is_no_journal(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.journal"
    file.write_text(text)
    space = search_space(load_recipe("xor"), 400)
    with pytest.raises(MalignancyError, match="is not a journal of trials"):
        Study(file, space, "identity", 0)


def test_trials_left_open_have_failed(tmp_path: Path) -> None:
    file, space = tmp_path / "a.journal", search_space(load_recipe("xor"), 400)
    study = Study(file, space, "identity", 0)
    number, is_own, values = study.open_trial()
    assert is_own
    assert values == pytest.approx(space.own())
    again = Study(file, space, "identity", 0)  # as after a crash
    assert again.trials() == []
    other, is_own, _ = again.open_trial()
    assert (other > number, is_own) == (True, True)
    again.complete(other, np.array([0.25, 0.5]), 0.375)
    [trial] = Study(file, space, "identity", 0).trials()
    assert (trial.number, trial.is_own, trial.losses.tolist()) == (other, True, [0.25, 0.5])


def test_too_little_time_is_an_error(tmp_path: Path) -> None:
    path = write_noise(tmp_path, epochs=10**6)
    done = CliRunner().invoke(app, ["tune", str(path), "--folds", "3", "--minutes", "0.01"])
    assert isinstance(done.exception, MalignancyError)
    assert "0.01 minutes are too few to cross-validate noise once" in str(done.exception)
    assert not (tmp_path / "noise-tuned.toml").exists()


@pytest.mark.process
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_saves_what_was_found(tmp_path: Path, jobs: str) -> None:
    path, journal = write_noise(tmp_path), tmp_path / "noise-tuned.journal"
    command = [
        sys.executable,
        "-m",
        "model",
        "tune",
        str(path),
        "--folds",
        "3",
        "--jobs",
        jobs,
        "--minutes",
        "2",
    ]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        deadline = time.monotonic() + 120
        while not has_own_losses(journal):
            assert time.monotonic() < deadline
            assert program.poll() is None
            time.sleep(0.05)
        os.killpg(program.pid, signal.SIGINT)  # to the workers too, as a terminal sends it
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors.strip().splitlines()[-1]) == (
        130,
        "interrupted: the best recipe so far is saved",
    )
    assert load_recipe(str(tmp_path / "noise-tuned.toml")).name == "noise-tuned"


def test_ctrl_c_before_the_recipe_as_given_has_a_result_keeps_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, journal = write_noise(tmp_path), tmp_path / "noise-tuned.journal"

    def search(_recipe: Recipe, table: Table, *others: Any, **_: Any) -> Ended:
        study: Study = others[-1]
        own, other = study.open_trial()[0], study.open_trial()[0]
        study.complete(other, np.full(len(table.rows), 0.5), 0.5)
        study.fail(own)
        return Ended([], interrupted=True)

    monkeypatch.setattr("model.cli.tune.search", search)
    done = CliRunner().invoke(app, ["tune", str(path)])
    assert done.exit_code == 130
    text = f"interrupted: the trials are kept in {journal}, nothing else was saved"
    assert done.stderr.splitlines()[-1] == text
    assert not (tmp_path / "noise-tuned.toml").exists()
    monkeypatch.undo()
    assert "1 were in the journal" in tune(path, "--trials", "2", "--folds", "5")
