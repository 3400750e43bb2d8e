"""The command `malignancy replay`, on both databases."""

import json
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.random_model import TARGETS, random_model
from support.stored_rows import predicted, random_values, store_at, version_of

from model.artifacts import artifact
from model.prediction.predictor import Predictor
from service import console
from service.comparison import stored_pairs
from service.comparison.command import main
from service.store.feedback import Truth, record_truth
from service.store.identifiers import row_name
from service.store.records import PredictedRows
from service.store.store import Store, now_microseconds

DAY = 86_400_000_000


def saved(folder: Path, task: str = "binary", noise: float = 0.0) -> tuple[Path, Predictor]:
    """Save a model with other weights, and return its file and the loaded artifact."""
    predictor = random_model(task)
    theta = predictor.theta + np.random.default_rng(9).normal(0, noise, predictor.theta.shape)
    predictor = replace(predictor, theta=theta)
    rows = predictor.self_test.rows
    self_test = replace(predictor.self_test, predictions=predictor.predict(rows))
    path = folder / f"candidate-{task}.joblib"
    artifact.save(replace(predictor, self_test=self_test), path)
    return path, artifact.load(path)


def write(store: Store, *records: PredictedRows) -> None:
    store.start()
    for each in records:
        assert store.put(each)
    assert store.stop(30) == 0


def add_truth(store: Store, rows: PredictedRows, truths: list[object]) -> None:
    with closing(store.open(read_only=False)) as database:
        for number, value in enumerate(truths):
            record_truth(
                database,
                Truth(rows.id, number, value),
                at=now_microseconds(),
                retention=store.retention,
            )


@pytest.mark.parametrize("task", TARGETS)
def test_a_replay_of_the_same_weights(
    task: str, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, candidate = saved(tmp_path, task)
    store = store_at(store_url)
    values = random_values(50)
    rows = predicted(version_of(task), values=values)
    # What the candidate has answered, and what is older, is left out.
    own = predicted(replace(version_of(task), predictor=candidate), 3)
    old = predicted(version_of(task), 3, at=now_microseconds() - 31 * DAY)
    write(store, rows, own, old)
    output = tmp_path / "figures.json"
    assert main([f"--store={store_url}", f"--candidate={path}", f"--json={output}"]) == 0
    found = json.loads(output.read_text())
    assert (found["model"], found["candidate"]) == ("kinds", candidate.version)
    assert (found["rows"], found["rows_rejected"]) == (50, 0)
    assert found["versions"] == [{"version": "0" * 64, "rows": 50}]
    assert found["largest"] == []
    assert found["truth"] == {"rows": 0}
    assert all(each["largest"] == 0 for each in found["difference"].values())
    if task in ("regression", "non_negative"):
        assert "agreement" not in found
    else:
        assert found["agreement"]["share"] == 1
    assert "50 rows" in capsys.readouterr().out


def test_a_worse_candidate(
    store_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored_pairs, "PAGE_ROWS", 7)
    path, candidate = saved(tmp_path, noise=3.0)
    store = store_at(store_url)
    rows = predicted(version_of(), values=random_values(60))
    write(store, rows)
    arguments = [f"--store={store_url}", f"--candidate={path}", "--unless-worse"]
    assert main(arguments) == 2
    assert "cannot be judged" in capsys.readouterr().err
    # The truth is what the version that answered has predicted.
    target = candidate.schema.target
    labels = target.columns(rows.predictions, 0.5)["label"].tolist()
    add_truth(store, rows, labels)
    output = tmp_path / "figures.json"
    assert main([*arguments, f"--json={output}"]) == 1
    shown = capsys.readouterr()
    assert "significantly worse: " in shown.err
    assert "60 rows with truth in 60 groups" in shown.out
    found = json.loads(output.read_text())
    second = candidate.predict(rows.values)
    difference = np.abs(second - rows.predictions)[:, 0]
    largest = np.argsort(-difference)[:20]
    assert [each["id"] for each in found["largest"]] == [row_name(rows.id, n) for n in largest]
    accuracy = found["truth"]["figures"]["accuracy"]
    assert accuracy["first"] == 1
    assert accuracy["second"] == pytest.approx(
        np.mean(target.columns(second, 0.5)["label"] == labels)
    )
    assert main([*arguments, "--rows=10", f"--json={output}"]) in (0, 1)
    found = json.loads(output.read_text())
    assert (found["rows"], found["is_limited"]) == (10, True)
    assert "older rows are left out" in capsys.readouterr().out


def test_no_value_is_shown(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = saved(tmp_path, noise=1.0)
    store = store_at(store_url)
    values = random_values(30)
    values[:, 0] = 31.4159265
    rows = predicted(version_of(), values=values, subject=b"s" * 32, key_id="lab-7")
    write(store, rows)
    output = tmp_path / "figures.json"
    assert main([f"--store={store_url}", f"--candidate={path}", f"--json={output}"]) == 0
    text = capsys.readouterr().out + output.read_text()
    assert "31.4159265" not in text
    assert "lab-7" not in text
    assert "ssss" not in text


def test_rows_that_the_candidate_rejects(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, candidate = saved(tmp_path)
    features = list(candidate.schema.features)
    features[3] = features[3].model_copy(update={"maximum": 5.0})
    schema = candidate.schema.model_copy(update={"features": tuple(features)})
    artifact.save(replace(candidate, schema=schema, version=""), path)
    values = random_values(40)
    write(store := store_at(store_url), predicted(version_of(), values=values))
    assert store.status.dropped == 0
    assert main([f"--store={store_url}", f"--candidate={path}"]) == 0
    rejected = int((values[:, 3] > 5).sum())
    assert f"{rejected} rows are rejected by the candidate" in capsys.readouterr().out


def test_what_cannot_be_replayed(
    store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = saved(tmp_path)
    other, _ = saved(tmp_path, "multi_class")
    arguments = [f"--store={store_url}", f"--candidate={path}"]
    store = store_at(store_url, "predictions")
    with closing(store.open(read_only=False)):
        pass
    assert main(arguments) == 2
    assert "has no predictions of a model kinds" in capsys.readouterr().err
    write(store, predicted(version_of(), 3))
    assert main(arguments) == 2
    assert "MALIGNANCY_STORE_KEEPS=inputs" in capsys.readouterr().err
    write(store_at(store_url), predicted(version_of(), 3))
    assert main(arguments) == 0
    capsys.readouterr()
    assert main([f"--store={store_url}", f"--candidate={other}"]) == 2
    assert "target has another task" in capsys.readouterr().err
    assert main([*arguments, "--model=another"]) == 2
    assert main([*arguments, f"--json={tmp_path / 'no' / 'such'}"]) == 2
    assert main([f"--store={store_url}", "--candidate=missing.joblib"]) == 2


def test_wrong_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALIGNANCY_STORE", raising=False)
    path, _ = saved(tmp_path)
    assert main([f"--candidate={path}"]) == 2
    assert "set MALIGNANCY_STORE" in capsys.readouterr().err
    for option in ("--days=0", "--days=nan", "--days=x", "--rows=0"):
        with pytest.raises(SystemExit) as error:
            main([f"--candidate={path}", option])
        assert error.value.code == 2
    empty = tmp_path / "empty.db"
    empty.touch()
    assert main([f"--candidate={path}", f"--store=sqlite:///{empty}"]) == 2
    assert "no tables yet" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "service.comparison.command")
    monkeypatch.setattr(sys, "argv", ["malignancy", "replay", "--help"])
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which `main` would set for all later tests
    with pytest.raises(SystemExit) as ended:
        console.main()
    assert ended.value.code == 0
    assert "--unless-worse" in capsys.readouterr().out
