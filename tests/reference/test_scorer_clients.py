"""Spark's `mapInArrow` and Ray Data's `map_batches` with a Scorer give what a job writes."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.arrow_streams import pa
from support.paths import ROOT

jobs: Any = pytest.importorskip("support.scoring_jobs", reason="needs pyarrow: make oracles")

# Of the libraries themselves.
pytestmark = [
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::FutureWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
]

FILES, ROWS = 3, 5_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = jobs.dataset(tmp_path_factory.mktemp("source") / "rows", FILES, ROWS)
    return folder


@pytest.fixture(scope="module")
def expected(source: Path, artifact_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the table that a job writes, ordered by row."""
    to = tmp_path_factory.mktemp("expected") / "to"
    code, _, errors = jobs.run_command(artifact_path, source, "--to", to, "--workers", "1")
    assert (code, errors) == (0, "")
    table = jobs.pq.read_table(sorted(to.glob("*.parquet")))
    assert table["error"].null_count < FILES * ROWS
    return table


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this project importable by worker processes."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)


@pytest.fixture
def spark(tmp_path: Path, _importable: None) -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql", reason="needs pyspark: make spark")
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install default-jre-headless")
    builder = sql.SparkSession.builder.master("local[2]")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": str(tmp_path / "warehouse"),
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def assert_same(found: Any, expected: Any) -> None:
    """Check that tables have the same rows, to the last bit, in any order."""
    assert set(found.column_names) == set(expected.column_names)
    found = found.select(expected.column_names).sort_by("id").cast(expected.schema)
    assert found.combine_chunks().equals(expected.combine_chunks())


def test_spark_map_in_arrow(spark: Any, source: Path, artifact_path: Path, expected: Any) -> None:
    types = pytest.importorskip("pyspark.sql.pandas.types")
    scorer = jobs.scorer_of(artifact_path)
    rows = spark.read.parquet(str(source))
    schema = types.from_arrow_schema(scorer.schema(types.to_arrow_schema(rows.schema)))
    scored = rows.repartition(5).mapInArrow(scorer.map_arrow, schema)
    assert_same(scored.toArrow(), expected)


@pytest.mark.usefixtures("_importable")
def test_ray_data_map_batches(source: Path, artifact_path: Path, expected: Any) -> None:
    ray = pytest.importorskip("ray", reason="needs ray: make oracles")
    data = pytest.importorskip("ray.data", reason="needs ray.data: make oracles")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        rows = data.read_parquet(str(source))
        scored = rows.map_batches(
            jobs.scorer_of(artifact_path), batch_format="pyarrow", batch_size=1_024
        )
        tables = ray.get(scored.to_arrow_refs())
    finally:
        ray.shutdown()
    assert_same(pa.concat_tables(tables), expected)
