"""Batch scoring: predictions equal those of the predictor; an error leaves no file."""

import csv
from pathlib import Path

import numpy as np
import pytest

from model.errors import DataError
from model.pipelines import score_file as scoring
from model.pipelines.train import Trained
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import BUNDLED
from model.training.tables.readers import read_chunks

DATA = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        scoring, "read_chunks", lambda path, **options: read_chunks(path, 100, **options)
    )


@pytest.mark.usefixtures("small_chunks")
def test_csv_file(predictor: Predictor, trained: Trained, tmp_path: Path) -> None:
    output = tmp_path / "scored.csv"
    assert scoring.score_file(predictor, DATA, output, 0.7) == 699
    with DATA.open() as before, output.open() as after:
        old, new = list(csv.reader(before)), list(csv.reader(after))
    assert new[0] == [*old[0], "probability", "label", "imputed"]
    assert [row[:-3] for row in new] == old
    complete = [row for row in new[1:] if row[-1] == ""]
    assert {row[-1] for row in new[1:] if row not in complete} == {"bare_nuclei"}
    found = np.array([float(row[-3]) for row in complete])
    expected = predictor.predict(trained.table.rows)
    np.testing.assert_allclose(found, expected[:, 0], rtol=1e-12)
    for row in new[1:]:
        assert row[-2] == ("malignant" if float(row[-3]) > 0.7 else "benign")
    assert list(tmp_path.iterdir()) == [output]


def test_chunks_give_the_predictions_of_all_rows_at_once(
    predictor: Predictor, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).integers(1, 11, (50_000, 9))
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w") as file:
        file.write(",".join(predictor.schema.names) + "\n")
        np.savetxt(file, rows, "%d", ",")
    assert scoring.score_file(predictor, source, output, 0.5) == 50_000
    with output.open() as file:
        found = [row["probability"] for row in csv.DictReader(file)]
    expected = predictor.predict(rows.astype(float))[:, 0]
    assert found == [str(probability) for probability in expected.tolist()]


@pytest.mark.usefixtures("small_chunks")
def test_processes_do_not_change_results(predictor: Predictor, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{jobs}.csv" for jobs in (1, 2)]
    for jobs, output in enumerate(outputs, 1):
        assert scoring.score_file(predictor, DATA, output, 0.5, jobs) == 699
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    broken = tmp_path / "in.csv"
    broken.write_text(DATA.read_text() + "1,99,1,1,1,2,1,1,1,1,benign\n")
    for jobs in (1, 2):
        with pytest.raises(DataError, match=r"^in.csv: line 701, column 'clump_thickness': must"):
            scoring.score_file(predictor, broken, outputs[0], 0.5, jobs)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("mitoses", "mitosis"), "no column 'mitoses'; the columns are patient_id, "),
        (("class", "label"), "column 'label' exists already"),
        ((",1,benign", ",x,benign"), "line 2, column 'mitoses': must be an integer from 1 to 10"),
        ((",1,benign", ",11,benign"), "line 2, column 'mitoses': must be an integer from 1 to 10"),
        ((",1,benign", ",,benign"), "line 2, column 'mitoses': must be an integer from 1 to 10"),
    ],
)
def test_invalid_table(
    predictor: Predictor, tmp_path: Path, change: tuple[str, str], why: str
) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(DATA.read_text().replace(*change, 1))
    output.write_text("before")
    with pytest.raises(DataError, match=f"^in.csv: {why}"):
        scoring.score_file(predictor, source, output, 0.5)
    assert output.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]
