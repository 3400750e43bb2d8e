"""Parts of a scored dataset are the answers of POST /predict, to the last bit."""

import io
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.arrow_streams import arrow_file, parquet, scores, stream
from support.random_model import TARGETS, random_model
from support.scored_datasets import answer, pa, parts, pq, save, score, scorer_of, tables

from model.artifacts import artifact
from model.errors import DataError
from model.prediction.predictor import Predictor

ENDS = [".parquet", ".csv", ".tsv", ".ndjson", ".arrow", ".arrows"]


def as_text(table: Any, delimiter: str) -> bytes:
    def cell(value: object) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if set(text) & set(f'{delimiter}"\n') else text

    rows = [table.schema.names, *([row[name] for name in row] for row in table.to_pylist())]
    return "".join(delimiter.join(map(cell, row)) + "\n" for row in rows).encode()


def content(table: Any, end: str) -> bytes:
    if end == ".ndjson":
        return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()
    if end in (".csv", ".tsv"):
        return as_text(table, "," if end == ".csv" else "\t")
    return {".parquet": parquet, ".arrow": arrow_file, ".arrows": stream}[end](table)


@pytest.fixture(scope="module", params=list(TARGETS))
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Predictor, Any]:
    folder = tmp_path_factory.mktemp("models")
    scorer = save(random_model(request.param), folder)
    return artifact.load(folder / "model.joblib"), scorer


@pytest.mark.parametrize("end", ENDS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), part_format=st.sampled_from(["parquet", "csv"]))
def test_results_are_those_of_the_service(
    model: tuple[Predictor, Any], end: str, table: Any, part_format: str
) -> None:
    predictor, scorer = model
    body = content(table, end)
    expected = answer(predictor, body, end, f".{part_format}")
    assert expected.status_code == 200, expected.text
    with tempfile.TemporaryDirectory() as folder:
        source, to = Path(folder, f"rows{end}"), Path(folder, "to")
        source.write_bytes(body)
        result = score(scorer, source, to, part_format)
        [part] = parts(to).values()
    if part_format == "csv":
        assert part == expected.content
    else:
        found, wanted = (pq.read_table(io.BytesIO(each)) for each in (part, expected.content))
        assert found.schema.equals(wanted.schema, check_metadata=True)
        assert found.equals(wanted)
        errors = found["error"].to_pylist()
        assert result.counts.marked == len(errors) - errors.count(None)
    assert result.counts.rows == len(table)


@pytest.mark.parametrize("end", [".csv.gz", ".ndjson.gz"])
def test_compressed_text(
    predictor: Predictor, artifact_path: Path, tmp_path: Path, end: str
) -> None:
    table, plain = scores(9000), end.removesuffix(".gz")
    with pa.CompressedOutputStream(str(tmp_path / f"rows{end}"), "gzip") as file:
        file.write(content(table, plain))
    score(scorer_of(artifact_path), tmp_path / f"rows{end}", tmp_path / "to")
    expected = answer(predictor, content(table, plain), plain, ".parquet").content
    found = pq.read_table(tmp_path / "to" / "rows.parquet")
    assert found.equals(pq.read_table(io.BytesIO(expected)))


def test_row_groups_of_a_file_are_parts(
    predictor: Predictor,
    artifact_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.scoring.plan.FRAGMENT_ROWS", 2500)
    monkeypatch.setattr("service.scoring.parts.ROW_GROUP_ROWS", 1000)
    table = scores(9000).append_column("id", pa.array(range(9000)))
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=1000)
    result = score(scorer_of(artifact_path), tmp_path / "rows.parquet", tmp_path / "to")
    assert (result.parts, result.counts.rows) == (5, 9000)
    names = sorted(parts(tmp_path / "to"))
    assert names == [f"rows-{number:05d}.parquet" for number in range(5)]
    found = pa.concat_tables([pq.read_table(tmp_path / "to" / name) for name in names])
    expected = answer(predictor, parquet(table), ".parquet", ".parquet").content
    assert found.equals(pq.read_table(io.BytesIO(expected)))


def test_one_row_group_of_a_file_is_one_part(artifact_path: Path, tmp_path: Path) -> None:
    pq.write_table(scores(300_000), tmp_path / "rows.parquet")
    score(scorer_of(artifact_path), tmp_path / "rows.parquet", tmp_path / "to")
    metadata = pq.read_metadata(tmp_path / "to" / "rows.parquet")
    rows = [metadata.row_group(each).num_rows for each in range(metadata.num_row_groups)]
    assert rows == [131_072, 131_072, 300_000 - 2 * 131_072]


def test_keys_of_folders_are_features(
    predictor: Predictor, artifact_path: Path, tmp_path: Path
) -> None:
    expected = []
    for end in (".parquet", ".csv", ".ndjson"):
        for value in ("3", "__HIVE_DEFAULT_PARTITION__"):
            folder = tmp_path / "from" / f"site={end[1:]}" / f"bare_nuclei={value}"
            folder.mkdir(parents=True)
            table = scores(100).drop_columns(["bare_nuclei"])
            (folder / f"rows{end}").write_bytes(content(table, end))
            cells = pa.array([3 if value == "3" else None] * 100)
            full = table.append_column("bare_nuclei", cells)
            found = answer(predictor, parquet(full), ".parquet", ".parquet").content
            expected.append((end, value, pq.read_table(io.BytesIO(found))))
    result = score(scorer_of(artifact_path), tmp_path / "from", tmp_path / "to")
    assert result.counts.rows == 600
    for end, value, table in expected:
        name = f"site={end[1:]}/bare_nuclei={value}/rows.parquet"
        assert pq.ParquetFile(tmp_path / "to" / name).read().equals(table)


def test_kept_columns(model: tuple[Predictor, Any], tmp_path: Path) -> None:
    predictor, scorer = model
    table = pa.table(
        {
            "size": [0.5, -1.0, None],
            "colour": ["red", None, "mauve"],
            "smokes": [True, None, False],
            "score": pa.array([1, 11, 3], pa.int8()),
            "id": [7, 8, 9],
            "tags": [[1], [], None],
        }
    )
    wanted = {
        "size": [0.5, -1.0, None],
        "colour": ["red", None, None],
        "smokes": [True, None, False],
        "score": [1, 11, 3],
        "id": [7, 8, 9],
    }
    keep = ("id", *predictor.schema.names)
    for end in (".parquet", ".csv", ".ndjson"):
        chosen = table if end == ".parquet" else table.drop_columns(["tags"])
        source = tmp_path / f"rows{end}"
        source.write_bytes(content(chosen, end))
        options = {**vars(scorer), "keep": keep}
        score(type(scorer)(**options), source, tmp_path / f"to{end}")
        found = pq.read_table(tmp_path / f"to{end}" / "rows.parquet").to_pydict()
        ids = [7, 8, 9] if end == ".parquet" else ["7", "8", "9"]
        assert {name: found[name] for name in keep} == {**wanted, "id": ids}
        score(type(scorer)(**options), source, tmp_path / f"csv{end}", "csv")
        first, second = (tmp_path / f"csv{end}" / "rows.csv").read_text().splitlines()[:2]
        assert first.split(",")[:5] == ["id", "size", "colour", "smokes", "score"]
        assert second.split(",")[:5] == ["7", "0.5", "red", "true", "1"]
        score(type(scorer)(**{**options, "keep": ()}), source, tmp_path / f"none{end}")
        names = pq.read_schema(tmp_path / f"none{end}" / "rows.parquet").names
        assert not set(names) & {*keep, "tags"}


@pytest.mark.parametrize("part_format", ["parquet", "csv"])
def test_an_invalid_row_is_an_error_if_it_is_not_marked(
    artifact_path: Path, tmp_path: Path, part_format: str
) -> None:
    table = scores(5000)
    mitoses = table["mitoses"].to_pylist()
    mitoses[4321] = 11
    place = table.schema.get_field_index("mitoses")
    table = table.set_column(place, "mitoses", pa.array(mitoses))
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=1000)
    scorer = scorer_of(artifact_path, mark=False)
    rule = r"rows\.parquet: rows\.4321\.mitoses must be an integer from 1 to 10$"
    with pytest.raises(DataError, match=rule):
        score(scorer, tmp_path / "rows.parquet", tmp_path / "to", part_format)
    assert parts(tmp_path / "to") == {}
    score(scorer_of(artifact_path), tmp_path / "rows.parquet", tmp_path / "marked", part_format)


def test_batches_of_other_engines(predictor: Predictor, artifact_path: Path) -> None:
    scorer, table = scorer_of(artifact_path), scores(9000)
    extra = pa.array([f"n{each}" for each in range(9000)])
    table = table.append_column("name", extra.dictionary_encode())
    expected = answer(predictor, parquet(table), ".parquet", ".parquet").content
    wanted = pq.read_table(io.BytesIO(expected))
    assert scorer(table).equals(wanted)
    batches = table.to_batches(max_chunksize=700)
    found = pa.Table.from_batches(scorer.map_arrow(iter(batches)))
    assert found.equals(wanted)
    assert scorer.schema(table.schema).equals(found.schema, check_metadata=True)
    assert list(scorer.map_arrow(iter(()))) == []
    assert scorer(table.slice(0, 0)).schema.equals(found.schema)
    with pytest.raises(DataError, match=r"^mitoses is required$"):
        scorer(table.drop_columns(["mitoses"]))
    with pytest.raises(DataError, match=r"^label is a name that the answer uses"):
        scorer.schema(table.append_column("label", extra).schema)


def test_a_scorer_is_small_and_checks_the_digest(artifact_path: Path) -> None:
    import pickle

    from model.errors import ArtifactError

    scorer = scorer_of(artifact_path)
    assert len(pickle.dumps(scorer)) < 1000
    other = type(scorer)(str(artifact_path), "0" * 64)
    with pytest.raises(
        ArtifactError, match=r"its SHA-256 is [0-9a-f]{12}…, not 0{12}… as expected"
    ):
        other(scores(1))


@pytest.mark.parametrize("part_format", ["parquet", "csv"])
def test_explanations(wisconsin_path: Path, tmp_path: Path, part_format: str) -> None:
    from model.explanation.table_columns import explanation_columns

    table = scores(3)
    broken = pa.array([1, 11, 2], pa.int64())
    table = table.set_column(table.schema.get_field_index("mitoses"), "mitoses", broken)
    pq.write_table(table, tmp_path / "rows.parquet")
    scorer = scorer_of(wisconsin_path, explain=True)
    score(scorer, tmp_path / "rows.parquet", tmp_path / "to", part_format)
    predictor = artifact.load(wisconsin_path)
    rows = np.column_stack([table[name].to_numpy() for name in predictor.schema.names])[[0, 2]]
    expected = explanation_columns("training", predictor, rows.astype(float), predictor.threshold)
    path = tmp_path / "to" / f"rows.{part_format}"
    if part_format == "csv":
        import csv

        lines = list(csv.DictReader(path.read_text().splitlines()))
        for name, column in expected.items():
            assert [lines[each][name] for each in (0, 2)] == [str(each) for each in column.tolist()]
            assert lines[1][name] == ""
        return
    found = pq.read_table(path)
    for name, column in expected.items():
        first, gap, last = found[name].to_pylist()
        assert ([first, last], gap) == (column.tolist(), None)
    assert found["error"].to_pylist() == [None, "mitoses must be an integer from 1 to 10", None]


def test_a_huge_value_is_marked(tmp_path: Path) -> None:
    scorer = save(random_model("binary"), tmp_path)
    table = pa.table({"size": [1.0, math.inf, math.nan], "score": [1, 2, 3]})
    pq.write_table(table, tmp_path / "rows.parquet")
    score(scorer, tmp_path / "rows.parquet", tmp_path / "to")
    errors = pq.read_table(tmp_path / "to" / "rows.parquet")["error"].to_pylist()
    assert [each is None for each in errors] == [True, False, False]
