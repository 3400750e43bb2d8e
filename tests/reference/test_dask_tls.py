"""A Dask cluster with TLS: the program takes certificates from the configuration of Dask."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.certificates import write_certificate
from support.dask_cluster import dask_cluster
from support.paths import ROOT

pytest.importorskip("distributed", reason="needs Dask: make oracles")
pytestmark = pytest.mark.process

RECIPE = """
extends = "wisconsin"
name = "quick"
training.epochs = 5
ensemble = { members = 2, folds = 2 }
"""


def configuration(folder: Path, name: str) -> dict[str, str]:
    """Return environment variables with a certificate and its key for all roles."""
    certificate, key = write_certificate(folder, name)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    found = {f"{prefix}CA_FILE": str(certificate)}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        found |= {f"{prefix}{role}__CERT": str(certificate), f"{prefix}{role}__KEY": str(key)}
    return found


def cross_validate(
    recipe: Path, environment: Mapping[str, str], *options: str
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "model", "cross-validate", str(recipe), "--folds", "2"]
    return subprocess.run(
        [*command, "--json", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_cluster_with_tls(tmp_path: Path) -> None:
    recipe = tmp_path / "quick.toml"
    recipe.write_text(RECIPE)
    trusted, other = configuration(tmp_path, "cluster"), configuration(tmp_path, "stranger")
    with dask_cluster(tmp_path, environment=trusted, protocol="tls") as cluster:
        assert cluster.address.startswith("tls://")
        there = cross_validate(recipe, trusted, "--cluster", cluster.address)
        refused = cross_validate(recipe, other, "--cluster", cluster.address)
    here = cross_validate(recipe, {})
    assert (there.returncode, there.stderr) == (0, "")
    assert json.loads(there.stdout) == json.loads(here.stdout)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: --cluster: {cluster.address} cannot be reached: ")
    assert refused.stderr.count("\n") == 1
