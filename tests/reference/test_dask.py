"""Scoring on a Dask cluster gives the result of `--jobs`."""

from pathlib import Path

import pytest

from model.pipelines.score_file import score_file
from model.prediction.predictor import Predictor
from model.training.recipes.recipe import BUNDLED

DATA = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"


def test_cluster_writes_the_same_file(predictor: Predictor, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="needs Dask: make oracles")
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    score_file(predictor, DATA, here, 0.5)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        score_file(predictor, DATA, there, 0.5, 2, cluster.scheduler_address)
    assert here.read_bytes() == there.read_bytes()
