"""Tables in chunks: rows and line numbers do not depend on the size of the chunks."""

import os
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from model.errors import DataError
from model.prediction.predictor import PIECE_ROWS
from model.training.tables.readers import CHUNK_ROWS, read_chunks, read_frame

CSV = 'a,b\n1,x\n\n2,"y\nz"\n3,\n4,w\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    return path


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 100])
def test_chunks_add_up_to_the_table(table: Path, rows: int) -> None:
    chunks = list(read_chunks(table, rows))
    assert [len(chunk) for chunk in chunks] == [rows] * (4 // rows) + [4 % rows] * (4 % rows > 0)
    whole = pd.concat(chunks)
    assert whole.equals(read_frame(table))
    assert whole.index.tolist() == [2, 4, 6, 7]
    assert whole["b"].tolist() == ["x", "y\nz", "", "w"]


def test_chunk_is_a_multiple_of_the_predictor_s_chunk() -> None:
    assert CHUNK_ROWS % PIECE_ROWS == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a CSV table: it has no header"),
        ("a,b\n", "not a CSV table: it has no rows"),
        ("a,b\n1,2\n1\n", "not a CSV table: line 3 has 1 cells, the header 2"),
        ('a,b\n1,2\n1,"2\n', "not a CSV table: line 3: unexpected end of data"),
    ],
)
def test_invalid_csv_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    for rows in (1, 100):
        with pytest.raises(DataError) as error:
            list(read_chunks(path, rows))
        assert str(error.value) == f"{path}: {message}"


def test_missing_file_is_rejected(tmp_path: Path) -> None:
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(DataError, match=r"none\.\w+: (cannot be read: |reading Parquet needs)"):
            list(read_chunks(tmp_path / name))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_only_regular_files_are_read(tmp_path: Path, suffix: str) -> None:
    pipe, folder = tmp_path / f"pipe.{suffix}", tmp_path / f"folder.{suffix}"
    device = tmp_path / f"device.{suffix}"
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    for path in (pipe, folder, device):
        with pytest.raises(DataError) as error:
            list(read_chunks(path))
        assert str(error.value) == f"{path}: cannot be read: not a regular file"


def test_max_rows_reads_the_first_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a\n" + "".join(f"{k}\n" for k in range(50_000)) + "1,2\n")
    assert read_frame(path, 30_000)["a"].tolist() == [str(k) for k in range(30_000)]
    with pytest.raises(DataError, match="line 50002 has 2 cells"):
        read_frame(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("names", [("größe", "x, y"), ()])
def test_delimiter_is_found_by_the_header(
    tmp_path: Path, delimiter: str, names: tuple[str, ...]
) -> None:
    path = tmp_path / "rows.csv"
    text = f'\n"größe"{delimiter}"x, y"\n"1;2"{delimiter}"3\t,"\n'
    path.write_text(text, "utf-8-sig")
    (chunk,) = read_chunks(path, names=names)
    assert chunk.to_dict("list") == {"größe": ["1;2"], "x, y": ["3\t,"]}


def test_frame_has_names_and_cells_in_nfc(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(unicodedata.normalize("NFD", "größe;ä\nö;ü\n"), "utf-8")
    assert read_frame(path).to_dict("list") == {"größe": ["ö"], "ä": ["ü"]}
    (chunk,) = read_chunks(path)
    assert list(chunk.columns) != ["größe", "ä"]  # which are copied as they are
