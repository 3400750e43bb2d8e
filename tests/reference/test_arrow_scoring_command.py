"""The command `malignancy score`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.arrow_streams import scores
from support.paths import ROOT
from support.scored_datasets import pa, parts, pq

from model.prediction.predictor import Predictor
from service import console
from service.scoring import command
from service.scoring.command import main
from service.scoring.loading import load_version

OFFLINE = ("pandas", "matplotlib", "jinja2", "typer", "rich", "flatbuffers", "model.cli")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    folder = tmp_path / "from"
    folder.mkdir()
    for number in range(2):
        table = scores(500 + number).append_column("id", pa.array(range(500 + number)))
        pq.write_table(table, folder / f"{number}.parquet")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str], list[str]]:
    code = main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def test_score(
    artifact_path: Path,
    predictor: Predictor,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    to, store = tmp_path / "to", f"sqlite:///{tmp_path}/store.db"
    arguments = (artifact_path, rows, "--to", to, "--store", store, "--workers", "1")
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, [])
    labels = json.loads((to / "_malignancy" / "manifest.json").read_text())["labels"]
    assert out[:2] == [
        f"{to}  2 parts, 1001 rows predicted by {predictor.title}, threshold 0.5",
        "labels: " + ", ".join(f"{label} {count}" for label, count in labels.items()),
    ]
    assert out[2].startswith("drift against the training rows: ")
    assert out[3:] == ["counts of 1001 rows were added to the store"]
    code, again, _ = run(capsys, *arguments)
    assert (code, again[:2]) == (0, out[:2])
    assert again[2] == "parts that were complete before: 2"
    assert not [line for line in again if "store" in line]


def test_options(
    artifact_path: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "to"
    options = ("--format", "csv", "--keep", "id, mitoses", "--threshold", "0.99")
    code, out, _ = run(capsys, artifact_path, f"{rows}/0.*", "--to", to, "--workers", 1, *options)
    assert code == 0
    assert out[0].endswith("threshold 0.99")
    [part] = parts(to).values()
    header = part.decode().splitlines()[0]
    assert header == "id,mitoses,probability,label,imputed,error"
    code, _, _ = run(
        capsys, artifact_path, rows, "--to", tmp_path / "none", "--keep", "none", "--workers", 2
    )
    assert code == 0
    assert "id" not in pq.read_schema(tmp_path / "none" / "0.parquet").names


def test_marked_rows_and_a_folder_of_artifacts(
    artifact_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.ndjson").write_text('{"mitoses": 11}\n')
    source, to = tmp_path / "rows.ndjson", tmp_path / "to"
    code, out, _ = run(capsys, artifact_path.parent, source, "--to", to, "--workers", 1)
    assert code == 0
    assert "rows without a prediction: 1; the column error says why" in out
    code, _, err = run(
        capsys, artifact_path, source, "--to", tmp_path / "no", "--on-error", "refuse"
    )
    assert code == 2
    assert len(err) == 1
    assert err[0].startswith(f"error: {source}: rows.0.clump_thickness is required; ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["none.joblib", "rows"], "error: {folder}/none.joblib: there is no such file"),
        (["model", "none"], "error: none: there is no such file or folder"),
        (["model", "rows", "--threshold", "2"], "error: --threshold must be a number from 0 to 1"),
        (["model", "rows", "--store", "mysql://"], "error: MALIGNANCY_STORE"),
        (["model", "rows", "--cluster", "x"], "error: "),
        (["model", "http://host/rows"], "error: "),
        (["model", "s3://key:secret@bucket/rows"], "error: "),
    ],
)
def test_errors(
    arguments: list[str],
    error: str,
    artifact_path: Path,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"model": artifact_path, "rows": rows}
    given = [names.get(each, each) for each in arguments]
    code, out, err = run(capsys, *given, "--to", tmp_path / "to", "--workers", 1)
    assert (code, out) == (2, [])
    assert err[-1].startswith(error.format(folder=tmp_path))
    assert "secret" not in "".join(err)
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--workers", "0"), ("--keep", "a,,b"), ("--format", "xlsx")]
)
def test_options_that_are_not_valid(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["model", "rows", "--to", "to", option, value])
    assert end.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err


def test_settings_of_artifacts_apply(
    artifact_path: Path,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_version.cache_clear()
    arguments = (artifact_path, rows, "--to", tmp_path / "to", "--workers", 1)
    for name, value, rule in (
        ("ARTIFACT_DIGEST", "0" * 64, "its SHA-256 is not in MALIGNANCY_ARTIFACT_DIGEST"),
        ("ARTIFACT_PUBLIC_KEY", str(tmp_path / "none"), "MALIGNANCY_ARTIFACT_PUBLIC_KEY"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(f"MALIGNANCY_{name}", value)
            code, _, err = run(capsys, *arguments)
        assert code == 2
        assert len(err) == 1
        assert rule in err[0]
    assert run(capsys, *arguments)[0] == 0


def test_wrong_files_are_listed(
    artifact_path: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 13):
        (rows / f"{number}.parquet").write_bytes(b"")
    code, _, err = run(capsys, artifact_path, rows, "--to", tmp_path / "to", "--workers", 1)
    assert code == 2
    assert len(err) == 11
    assert err[0] == f"{rows}/1.parquet: the file is malformed"
    assert err[-1] == "error: 12 of 13 files cannot be scored; nothing was written"


def test_a_full_disk_is_one_line(
    artifact_path: Path,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.scoring.parts.MeasuredFile.write", full)
    code, _, err = run(capsys, artifact_path, rows, "--to", tmp_path / "to", "--workers", 1)
    assert (code, err) == (2, [f"error: {tmp_path}/to/1.parquet: No space left on device"])


def test_an_interrupt(
    artifact_path: Path,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.scoring.job.score_fragment", interrupt)
    code, _, err = run(capsys, artifact_path, rows, "--to", tmp_path / "to", "--workers", 1)
    text = "interrupted: complete parts are kept, and the same command goes on with the others"
    assert (code, err) == (130, [text])


def test_progress_on_a_terminal(
    artifact_path: Path,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main([str(each) for each in (artifact_path, rows, "--to", tmp_path / "to", "--workers", "1")])
    text = capsys.readouterr().err
    assert text.startswith("\r1/2 parts, 501 rows, ")
    assert "\r2/2 parts, 1001 rows, " in text
    assert text.endswith("\n")


def test_without_pyarrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    code, _, err = run(capsys, "model", "rows", "--to", "to")
    assert (code, err) == (2, ["error: score needs pyarrow: pip install 'malignancy[batch]'"])


def test_a_worker_needs_only_the_extra_batch(
    artifact_path: Path, rows: Path, tmp_path: Path
) -> None:
    # Where pandas is installed, pyarrow itself imports it.
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {OFFLINE}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from service.scoring.command import main
sys.exit(main(sys.argv[1:]))
"""
    arguments = (artifact_path, rows, "--to", tmp_path / "to", "--workers", "1")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_console_script(
    artifact_path: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [artifact_path, rows, "--to", tmp_path / "to", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["malignancy", "score", *map(str, arguments)])
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which `main` would set for all later tests
    monkeypatch.delitem(sys.modules, "service.scoring.command")  # as in a new process
    with pytest.raises(SystemExit) as end:
        console.main()
    assert end.value.code == 0
    assert (tmp_path / "to" / "_SUCCESS").exists()
