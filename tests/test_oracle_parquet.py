"""Parquet in and out, as pyarrow reads and writes it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model import scoring
from model.errors import DataError
from model.predictor import Predictor
from model.training.frames import read_frame, read_pieces
from model.training.recipe import BUNDLED

pytest.importorskip("pyarrow", reason="Parquet needs the extra parquet: make oracles")

DATA = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    values: dict[str, Any] = {
        "whole": [1, 2, None],
        "number": [1.5, float("nan"), 3.0],
        "text": ["x", "", None],
        "truth": [True, False, None],
    }
    pd.DataFrame(values).to_parquet(path)
    for rows in (1, 2, 100):
        frame = pd.concat(read_pieces(path, rows))
        assert frame.index.tolist() == [1, 2, 3]
        assert frame["whole"].tolist() == ["1", "2", ""]
        assert frame["number"].tolist() == ["1.5", "", "3"]
        assert frame["text"].tolist() == ["x", "", ""]
        assert frame["truth"].tolist() == ["True", "False", ""]
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"broken.parquet: cannot be read: "):
        read_frame(broken)


def test_parquet_to_parquet(predictor: Predictor, tmp_path: Path) -> None:
    source, output, text = (tmp_path / name for name in ("in.parquet", "out.parquet", "out.csv"))
    pd.read_csv(DATA).to_parquet(source)
    assert scoring.score_file(predictor, source, output, 0.5) == 699
    scoring.score_file(predictor, DATA, text, 0.5)
    found, expected = pd.read_parquet(output), pd.read_csv(text)
    assert found["probability"].tolist() == expected["probability"].tolist()
    assert found["label"].tolist() == expected["label"].tolist()
