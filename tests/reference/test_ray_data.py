"""Ray Data's `map_batches` with a Scorer gives what a job writes."""

from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

jobs: Any = pytest.importorskip("support.scoring_jobs", reason="needs pyarrow: make oracles")
ray: Any = pytest.importorskip("ray", reason="needs ray: make oracles")


@pytest.mark.filterwarnings("default::DeprecationWarning")  # of Ray itself
def test_map_batches(artifact_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pytest.importorskip("ray.data", reason="needs ray.data: make oracles")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the workers
    source = jobs.dataset(tmp_path / "rows", 3, 5_000)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        rows = data.read_parquet(str(source))
        scored = rows.map_batches(
            jobs.scorer_of(artifact_path), batch_format="pyarrow", batch_size=1_024
        )
        tables = ray.get(scored.to_arrow_refs())
    finally:
        ray.shutdown()
    expected = jobs.scored_table(artifact_path, source, tmp_path / "to")
    jobs.assert_same_rows(jobs.pa.concat_tables(tables), expected)
