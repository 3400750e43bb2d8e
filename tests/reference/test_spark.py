"""Spark's `mapInArrow` with a Scorer gives what a job writes."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

jobs: Any = pytest.importorskip("support.scoring_jobs", reason="needs pyarrow: make spark")
sql: Any = pytest.importorskip("pyspark.sql", reason="needs pyspark: make spark")
pytestmark = [  # of Spark itself
    pytest.mark.filterwarnings("default::FutureWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
]


@pytest.fixture
def spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install default-jre-headless")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the workers
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
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


def test_map_in_arrow(spark: Any, artifact_path: Path, tmp_path: Path) -> None:
    types = pytest.importorskip("pyspark.sql.pandas.types")
    source = jobs.dataset(tmp_path / "rows", 3, 5_000)
    scorer = jobs.scorer_of(artifact_path)
    rows = spark.read.parquet(str(source))
    schema = types.from_arrow_schema(scorer.schema(types.to_arrow_schema(rows.schema)))
    scored = rows.repartition(5).mapInArrow(scorer.map_arrow, schema).toArrow()
    jobs.assert_same_rows(scored, jobs.scored_table(artifact_path, source, tmp_path / "to"))
