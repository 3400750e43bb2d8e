"""Batch scoring: predictions equal those of the predictor; invalid rows are marked or refused."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import DataError
from model.pipelines import score_file as scoring
from model.pipelines.train import Trained
from model.prediction.predictor import Predictor
from model.training.recipes.bundled import BUNDLED
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
    assert scoring.score_file(predictor, DATA, output, 0.7).rows == 699
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
    assert scoring.score_file(predictor, source, output, 0.5).rows == 50_000
    with output.open() as file:
        found = [row["probability"] for row in csv.DictReader(file)]
    expected = predictor.predict(rows.astype(float))[:, 0]
    assert found == [str(probability) for probability in expected.tolist()]


@pytest.mark.usefixtures("small_chunks")
def test_processes_do_not_change_results(predictor: Predictor, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{jobs}.csv" for jobs in (1, 2)]
    for jobs, output in enumerate(outputs, 1):
        assert scoring.score_file(predictor, DATA, output, 0.5, jobs).rows == 699
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


def scored(source: Path) -> list[dict[str, str]]:
    with source.with_name("out.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("small_chunks")
def test_invalid_rows_are_marked(predictor: Predictor, tmp_path: Path) -> None:
    source, lines = tmp_path / "in.csv", DATA.read_text().splitlines()
    lines[3] = lines[3].replace("benign", "")  # the column is no feature
    lines[150] = "7,99,1,1,1,x,1,1,1,,benign"
    lines[250] = "8,1,1"
    lines[350] += ",more"
    source.write_text("\n".join(lines))
    found = scoring.score_file(predictor, source, tmp_path / "out.csv", 0.5, mark=True)
    assert (found.rows, found.marked, found.prefix) == (699, 3, "")
    rows = scored(source)
    assert list(rows[0])[-4:] == ["probability", "label", "imputed", "error"]
    errors = {number: row["error"] for number, row in enumerate(rows, 1) if row["error"]}
    range_rule = "must be an integer from 1 to 10"
    assert errors == {
        150: f"clump_thickness {range_rule}; single_epithelial_cell_size {range_rule}; "
        f"mitoses {range_rule}",
        250: "row must have 11 cells",
        350: "row must have 11 cells",
    }
    for number in errors:
        assert [rows[number - 1][name] for name in ("probability", "label", "imputed")] == [""] * 3
    assert rows[149]["patient_id"] == "7"
    assert rows[249]["patient_id"] == "8"
    scoring.score_file(predictor, DATA, tmp_path / "out.csv", 0.5)
    for number, row in enumerate(scored(source), 1):
        if number not in errors:
            assert rows[number - 1]["probability"] == row["probability"]


def test_a_file_of_invalid_rows_only(predictor: Predictor, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(DATA.read_text().splitlines()[0] + "\n" + "x," * 10 + "x\n")
    found = scoring.score_file(predictor, source, tmp_path / "out.csv", 0.5, mark=True)
    assert (found.rows, found.marked) == (1, 1)
    assert scored(source)[0]["probability"] == ""


def test_added_columns_get_a_prefix_where_the_table_has_one_of_their_names(
    predictor: Predictor, tmp_path: Path
) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(DATA.read_text().replace("class", "label", 1))
    found = scoring.score_file(predictor, source, output, 0.5, mark=True)
    assert (found.marked, found.prefix) == (0, "predicted_")
    rows = scored(source)
    new = ["predicted_probability", "predicted_label", "predicted_imputed", "predicted_error"]
    assert list(rows[0])[-5:] == ["label", *new]
    assert {row["label"] for row in rows} == {"benign", "malignant"}
    again = scoring.score_file(predictor, output, tmp_path / "again.csv", 0.5, mark=True)
    assert again.prefix == "predicted_2_"


def test_rows_that_overflow_are_marked(kinds: Predictor, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    wide = replace(kinds.encoder, spread=np.full(6, 1e-200))
    source.write_text("size,colour,smokes,score\n1e300,red,true,3\n0,red,true,3\n")
    model = replace(kinds, encoder=wide)
    found = scoring.score_file(model, source, output, 0.5, mark=True)
    assert (found.rows, found.marked) == (2, 1)
    errors = [row["error"] for row in scored(source)]
    assert errors == ["row must hold values small enough for a finite answer", ""]
    with pytest.raises(DataError, match=r"^in.csv: line 2: must hold values small enough"):
        scoring.score_file(model, source, output, 0.5)
