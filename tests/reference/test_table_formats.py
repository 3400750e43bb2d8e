"""One table in every format gives the same text, recipe, rows, artifact and predictions."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.artifacts import artifact
from model.errors import DataError
from model.pipelines.score_file import score_file
from model.pipelines.train import train
from model.training.recipes.drafting.draft import first_recipe
from model.training.recipes.recipe import load_recipe
from model.training.tables.readers import read_chunks, sniff_frame

REASON: Final = "the formats need the extras oracles: make oracles"
arrow = pytest.importorskip("pyarrow", reason=REASON)
pytest.importorskip("backports.zstd", reason=REASON)
pytest.importorskip("openpyxl", reason=REASON)
pytest.importorskip("python_calamine", reason=REASON)


def _zstd(frame: pd.DataFrame, path: Path) -> None:
    with arrow.CompressedOutputStream(str(path), "zstd") as file:
        file.write(frame.to_csv(index=False, sep="|").encode("utf-8-sig"))


WRITERS: Final[dict[str, Callable[[pd.DataFrame, Path], object]]] = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.TSV": lambda frame, path: frame.to_csv(path, index=False, sep="\t", encoding="utf-16"),
    "t.txt": lambda frame, path: frame.to_csv(path, index=False, lineterminator="\r\n", quoting=1),
    "t.csv.Gz": lambda frame, path: path.write_bytes(
        gzip.compress(frame.to_csv(index=False, sep=";").encode())
    ),
    "t.csv.zst": _zstd,
    "t.PARQUET": lambda frame, path: frame.to_parquet(path, index=False),
    "t.pq": lambda frame, path: frame.to_parquet(path, index=False, row_group_size=3),
    "t.Feather": lambda frame, path: frame.to_feather(path),
    "t.xlsx": lambda frame, path: frame.to_excel(path, index=False),
}
TEXTS: Final = st.text("ab é;,|\t\"'", max_size=5).map(str.strip)
FRACTIONS: Final = st.floats(-1e9, 1e9).map(lambda x: float(f"{x:.15g}"))  # as Excel keeps them
COLUMNS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "whole": st.integers(-(2**40), 2**40),
    "fraction": FRACTIONS | st.sampled_from([1.0, 0.1, 1e-9]),
    "perhaps": st.none() | FRACTIONS,
    "count": st.none() | st.integers(0, 5),
    "truth": st.booleans(),
    "maybe": st.none() | st.booleans(),
    "text": TEXTS,
    "kind": st.sampled_from(["x", "NA", "1.0", "True", "?"]),
    "spelled": st.sampled_from(["1,234.5", "12 %", "$5", "-"]),
    "day": st.dates().map(str) | st.just(""),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Return a table with some columns of each type, and a target."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True))
    rows = draw(st.integers(2, 12))
    columns = {name: draw(st.lists(COLUMNS[name], min_size=rows, max_size=rows)) for name in names}
    target = draw(st.sampled_from([("no", "yes"), (0, 1), (1.0, 2.0), (False, True)]))
    return pd.DataFrame({**columns, "y": [target[row % 2] for row in range(rows)]})


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_texts_and_recipe_are_the_same_in_every_format(
    tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame
) -> None:
    folder = tmp_path_factory.getbasetemp()
    expected: tuple[Any, ...] | None = None
    for name, write in WRITERS.items():
        path = folder / name
        write(frame, path)
        found, form = sniff_frame(path)
        assert form.dialect.decimal in (None, ".")
        try:
            text = first_recipe(found, Path("FILE"), "t", "y")
        except DataError as error:  # no column of this table is a feature
            text = str(error)
        result = (list(found.columns), found.to_numpy().tolist(), text)
        assert result == (expected or result), name
        expected = result


def _with_commas(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False, sep=";", decimal=",", encoding="cp1252")


def _table() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    number = generator.normal(size=80).round(3)
    return pd.DataFrame(
        {
            "number": [None if row % 9 == 0 else each for row, each in enumerate(number)],
            "code": generator.integers(1, 4, 80).astype(float),
            "truth": generator.random(80) < 0.5,
            "colour": generator.choice(["red", "blue", "größe"], 80),
            "y": np.where(number + generator.normal(size=80) / 3 > 0, 2.0, 1.0),
        }
    )


def test_artifact_and_predictions_are_the_same_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame, output = _table(), Path("scored.csv")
    WRITERS["t.csv"](frame, Path("t.csv"))
    artifacts, predictions = {}, {}
    for name, write in {**WRITERS, "comma.csv": _with_commas}.items():
        path = Path(name)
        write(frame, path)
        found, form = sniff_frame(path)
        assert form.dialect.decimal == ("," if name == "comma.csv" else None)
        text = first_recipe(found, path, "t", "y", form.recipe_keys)
        Path("t.toml").write_text(re.sub("epochs = [0-9]+", "epochs = 2", text))
        artifact.save(train(load_recipe("t.toml")).predictor, Path("t.joblib"))
        predictor = artifact.load(Path("t.joblib"))
        artifacts[name] = predictor.theta.tobytes(), predictor.schema.features
        for source in {path, path if name == "comma.csv" else Path("t.csv")}:
            score_file(predictor, source, output, 0.5)
            scored = pd.concat(read_chunks(output))
            predictions[name, source.name] = scored["probability"].tolist()
    assert [each for each, found in artifacts.items() if found != artifacts["t.csv"]] == []
    expected = predictions["t.csv", "t.csv"]
    assert [each for each, found in predictions.items() if found != expected] == []
