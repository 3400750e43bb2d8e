"""The commands `malignancy store …`."""

import csv
import io
import json
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.random_model import TARGETS
from support.stored_rows import count_rows, predicted, store_at, version_of

from service import console
from service.store.command import main
from service.store.feedback import Truth, record_truth
from service.store.identifiers import answer_name, row_name
from service.store.store import Store, now_microseconds

KEY = "a key of sixteen or more"


@pytest.fixture
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that the environment names, not started."""
    monkeypatch.setenv("MALIGNANCY_STORE", store_url)
    monkeypatch.setenv("MALIGNANCY_STORE_SUBJECT_KEY", KEY)
    return store_at(store_url, store_subject_key=KEY)


def test_commands_in_their_order(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out == "schema 3, 3 migrations applied\n"
    store.start()
    version = version_of()
    rows = predicted(version, 3, key_id="lab", subject=store.subject("Ana"))
    other = predicted(version, 2)
    for each in (rows, other):
        store.put(each)
    assert store.stop(30) == 0
    with closing(store.open(read_only=False)) as database:
        truth = Truth(rows.id, 1, "no")
        record_truth(database, truth, at=now_microseconds(), retention=store.retention)

    assert main(["stats"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines()[1:4]] == [
        ["predictions", "5"],
        ["inputs", "5"],
        ["feedback", "1"],
    ]
    assert out.splitlines()[-1].startswith("schema 3, ")

    assert main(["export"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["id"] for line in lines] == [
        *(row_name(rows.id, number) for number in range(3)),
        *(row_name(other.id, number) for number in range(2)),
    ]
    assert lines[1]["truth"] == "no"
    assert "truth" not in lines[0]
    assert lines[0]["key_id"] == "lab"
    assert lines[0]["predictions"] == {"yes, surely": rows.predictions[0, 0]}
    assert lines[0]["inputs"]["size"] == rows.values[0, 0]
    assert {type(line["inputs"]["score"]) for line in lines} == {int}
    assert {line["inputs"]["colour"] for line in lines} <= {"red", "dark blue", "grün", None}

    assert main(["export", "--format", "csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["truth"] for row in table] == ["", "no", "", "", ""]
    assert [float(row["input_size"]) for row in table[:3]] == rows.values[:, 0].tolist()
    assert main(["export", "--from", "2100-01-01"]) == 0
    assert main(["export", "--to", "2000-01-01T00:00:00+01:00"]) == 0
    assert capsys.readouterr().out == ""

    assert main(["erase", "--prediction", row_name(other.id, 1)]) == 0
    assert main(["erase", "--subject", "Ana"]) == 0
    assert main(["erase", "--prediction", answer_name(other.id)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 predictions, 1 inputs, 0 feedback erased",
        "3 predictions, 3 inputs, 1 feedback erased",
        "1 predictions, 1 inputs, 0 feedback erased",
    ]
    with closing(store.open()) as database:
        assert count_rows(database, "predictions") == 0


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_rows_of_every_target_are_exported_to_a_file(
    format_: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.start()
    for number, task in enumerate(TARGETS):
        store.put(predicted(version_of(task, sha256=str(number) * 64), 4))
    assert store.stop(30) == 0
    output = tmp_path / "out.txt"
    assert main(["export", "--format", format_, "--output", str(output)]) == 0
    assert output.stat().st_mode & 0o077 == 0
    text = output.read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text))) if format_ == "csv" else text.splitlines()
    assert len(rows) == 4 * len(TARGETS)
    assert main(["export", "--output", str(output)]) == 2
    assert "File exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["stats"], "store migrate creates them"),
        (["erase", "--prediction", "x"], "--prediction must be the id"),
        (["stats", "--store", "mysql://u:hunter2@h"], "MALIGNANCY_STORE"),
        (["migrate", "--store", "sqlite:////missing/folder/store.db"], "No such file"),
    ],
)
def test_errors(
    arguments: list[str], text: str, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--store" not in arguments:
        arguments = [*arguments, "--store", store_url]
        if store_url.startswith("sqlite") and arguments[0] == "stats":
            Path(store_url.removeprefix("sqlite:///")).touch()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert text in error
    assert "hunter2" not in error
    assert error.count("\n") == 1


def test_a_store_and_a_key_are_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALIGNANCY_STORE", raising=False)
    assert main(["stats"]) == 2
    assert "set MALIGNANCY_STORE" in capsys.readouterr().err
    assert main(["erase", "--subject", "Ana", "--store", f"sqlite:///{tmp_path / 's.db'}"]) == 2
    assert "MALIGNANCY_STORE_SUBJECT_KEY" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", "--from", "yesterday"])
    assert "ISO 8601" in capsys.readouterr().err


def test_the_console_runs_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setattr(sys, "argv", ["malignancy", "store", "migrate", "--store", url])
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which `main` would set for all later tests
    monkeypatch.delitem(sys.modules, "service.store.command", raising=False)
    with pytest.raises(SystemExit) as end:
        console.main()
    assert end.value.code == 0
    assert capsys.readouterr().out == "schema 3, 3 migrations applied\n"
