"""Paths of the project and its folders."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data"
DOCS = ROOT / "docs"
