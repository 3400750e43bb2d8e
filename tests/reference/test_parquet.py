"""Parquet input and output, as pyarrow reads and writes it."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model.errors import DataError
from model.pipelines import score_file as scoring
from model.prediction.predictor import Predictor
from model.training.recipes.bundled import BUNDLED
from model.training.tables.columns import as_text
from model.training.tables.readers import CHUNK_ROWS, read_chunks, read_frame

REASON = "Parquet needs the extra parquet: make oracles"
arrow = pytest.importorskip("pyarrow", reason=REASON)
parquet = pytest.importorskip("pyarrow.parquet", reason=REASON)

DATA = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    values: dict[str, Any] = {
        "whole": [1, 2, None],
        "number": [1.5, float("nan"), 3.0],
        "text": ["x", "", None],
        "truth": [True, False, None],
    }
    pd.DataFrame(values).to_parquet(path, row_group_size=2)
    for rows in (1, 2, 100):
        frame = pd.concat(read_chunks(path, rows)).apply(as_text)
        assert frame.index.tolist() == [1, 2, 3]
        assert frame["whole"].tolist() == ["1", "2", ""]
        assert frame["number"].tolist() == ["1.5", "", "3"]
        assert frame["text"].tolist() == ["x", "", ""]
        assert frame["truth"].tolist() == ["True", "False", ""]
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"broken.parquet: cannot be read: "):
        read_frame(broken)
    pd.DataFrame(values)[:0].to_parquet(path)
    with pytest.raises(DataError, match=r"rows.parquet: not a table: it has no rows$"):
        list(read_chunks(path))


@pytest.mark.parametrize("group", [1, 3, 7, 10, 25, 1000])
@pytest.mark.parametrize("rows", [1, 4, 10, 90, 200])
def test_chunks_do_not_depend_on_row_groups(tmp_path: Path, group: int, rows: int) -> None:
    path, names = tmp_path / "rows.parquet", [f"n{k * k}" for k in range(100)]
    frame = pd.DataFrame({"a": range(100), "b": pd.Categorical(names), "c": [None, 1.5] * 50})
    frame.to_parquet(path, row_group_size=group)
    chunks = list(read_chunks(path, rows))
    assert [len(chunk) for chunk in chunks[:-1]] == [rows] * ((100 - 1) // rows)
    whole = pd.concat([chunk.apply(as_text) for chunk in chunks])
    assert whole.index.tolist() == list(range(1, 101))
    assert whole["a"].tolist() == [str(k) for k in range(100)]
    assert whole["b"].tolist() == names
    assert whole["c"].tolist() == ["", "1.5"] * 50


def test_parquet_to_parquet(predictor: Predictor, tmp_path: Path) -> None:
    source, output, text = (tmp_path / name for name in ("in.parquet", "out.parquet", "out.csv"))
    pd.read_csv(DATA).to_parquet(source)
    assert scoring.score_file(predictor, source, output, 0.5).rows == 699
    scoring.score_file(predictor, DATA, text, 0.5)
    found, expected = pd.read_parquet(output), pd.read_csv(text)
    assert found["probability"].tolist() == expected["probability"].tolist()
    assert found["label"].tolist() == expected["label"].tolist()


@pytest.mark.parametrize("jobs", [1, 2])
def test_chunks_of_invalid_rows_have_the_same_types(
    predictor: Predictor, tmp_path: Path, jobs: int
) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.parquet"
    lines = [
        ",".join(predictor.schema.names),
        *["x" + ",1" * 8] * CHUNK_ROWS,
        "1,1",
        "1" + ",1" * 8,
    ]
    source.write_text("\n".join(lines))
    found = scoring.score_file(predictor, source, output, 0.5, jobs, mark=True)
    assert (found.rows, found.marked) == (CHUNK_ROWS + 2, CHUNK_ROWS + 1)
    end = parquet.read_table(output).slice(CHUNK_ROWS - 1)
    assert end["label"].to_pylist() == [None, None, "benign"]
    assert end["probability"].null_count == 2
    rule = "clump_thickness must be an integer from 1 to 10"
    assert end["error"].to_pylist() == [rule, "row must have 9 cells", ""]


def test_two_columns_of_one_name_are_refused(predictor: Predictor, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"{','.join(predictor.schema.names)},note,note\n{'1,' * 9}a,b\n")
    with pytest.raises(DataError, match=r"^Parquet cannot have two columns 'note': rename one, or"):
        scoring.score_file(predictor, source, tmp_path / "out.parquet", 0.5)
    assert scoring.score_file(predictor, source, tmp_path / "out.csv", 0.5).rows == 1


def test_columns_keep_their_types(predictor: Predictor, tmp_path: Path) -> None:
    source, output, text = (tmp_path / name for name in ("in.parquet", "out.parquet", "out.csv"))
    cases = {  # each column, and its cells in a CSV file
        "day": (arrow.array([date(2020, 1, 2), None, None]), ["2020-01-02", "", ""]),
        "count": (arrow.array([2**60 + 1, None, 3]), ["1152921504606846977", "", "3"]),
        "size": (arrow.array([1.0, 0.1, float("nan")]), ["1", "0.1", ""]),
        "single": (arrow.array([0.5, None, -0.0], "float"), ["0.5", "", "0"]),
        "name": (arrow.array(["é", None, ""]), ["é", "", ""]),
        "kind": (arrow.array(["x", None, "x"]).dictionary_encode(), ["x", "", "x"]),
        "truth": (arrow.array([True, False, None]), ["True", "False", ""]),
        "cost": (arrow.array([Decimal("1.50"), None, None]), ["1.50", "", ""]),
        "wait": (
            arrow.array([timedelta(1), None, None], "duration[us]"),
            ["1 day, 0:00:00", "", ""],
        ),
        "list": (arrow.array([[1, 2], None, []]), ["[1, 2]", "", "[]"]),
        "nothing": (arrow.nulls(3), ["", "", ""]),
        "__index_level_0__": (arrow.array([7, 8, 9]), ["7", "8", "9"]),
    }
    features = {name: arrow.array([1, 2, 10]) for name in predictor.schema.names}
    table = arrow.table({**{name: column for name, (column, _) in cases.items()}, **features})
    parquet.write_table(table, source)
    assert scoring.score_file(predictor, source, output, 0.5).rows == 3
    found = parquet.read_table(output)
    assert found.column_names == [*table.column_names, "probability", "label", "imputed"]
    passed = found.select(table.column_names)
    assert passed.schema.equals(table.schema)
    assert repr(passed.to_pydict()) == repr(table.to_pydict())  # NaN is not equal to NaN
    scoring.score_file(predictor, source, text, 0.5)
    with text.open() as file:
        columns = {name: cells for name, *cells in zip(*csv.reader(file), strict=True)}
    for name, (_, texts) in cases.items():
        assert columns[name] == texts, name
    assert columns["probability"] == list(map(repr, found["probability"].to_pylist()))


def test_an_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [1, 2]}, index=["x", "y"]).to_parquet(path)
    frame = read_frame(path)
    assert frame.index.tolist() == [1, 2]
    assert frame["__index_level_0__"].tolist() == ["x", "y"]
