"""A report in Chromium, as wide as a phone: only its tables and pictures scroll sideways."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from model.evaluation.report.document import report
from model.prediction.predictor import Predictor, ScoredRows
from model.prediction.target import MultiClass

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS: Final = (320, 400)
# A frame may have any width; a window of Chromium is not narrower than 500 pixels.
PAGE: Final = """\
<!DOCTYPE html><title>page</title><pre></pre>
FRAMES
<script>
addEventListener("load", () => {
  const pages = [...document.querySelectorAll("iframe")].map((each) => each.contentDocument);
  const found = pages.map((page) => {
    const root = page.documentElement;
    const wide = [...page.querySelectorAll(".wide")];
    return [root.scrollWidth - root.clientWidth, wide.some((w) => w.scrollWidth > w.clientWidth)];
  });
  document.querySelector("pre").textContent = JSON.stringify(found);
});
</script>
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.usefixtures("few_draws"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


def overflow(text: str, folder: Path) -> Any:
    """Return by how many pixels a report is too wide, and whether a part scrolls, by width."""
    assert CHROMIUM is not None
    (folder / "report.html").write_text(text, encoding="utf-8")
    frames = (
        f'<iframe src="report.html" width="{width}" height="800"></iframe>' for width in WIDTHS
    )
    (folder / "page.html").write_text(PAGE.replace("FRAMES", "\n".join(frames)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    options += ["--allow-file-access-from-files", "--virtual-time-budget=20000", "--dump-dom"]
    command = [CHROMIUM, *options, (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search("<pre>(.*?)</pre>", done.stdout)
    assert found is not None
    return json.loads(unescape(found[1]))


def with_classes(predictor: Predictor, names: tuple[str, ...]) -> Predictor:
    """Return a predictor with other classes and random rows; its network is not used."""
    draws = np.random.default_rng(0)
    truth = draws.integers(0, len(names), (200, 1))
    rows = ScoredRows.ungrouped(truth, draws.dirichlet(np.ones(len(names)), 200))
    schema = predictor.schema.model_copy(update={"target": MultiClass(classes=names)})
    parts = replace(predictor, schema=schema, train=rows, validation=rows, test=None)
    return replace(parts, operating_points={}, facts={}, calibration=None, out_of_bag=None)


def test_a_page_does_not_scroll_sideways(predictor: Predictor, tmp_path: Path) -> None:
    text = report(predictor, None, {})
    assert overflow(text, tmp_path) == [[0, True], [0, True]]


@pytest.mark.parametrize("letters", ["abcdefghijklmnopqrst", "良性腫瘍", "a" * 100])
def test_long_names_of_20_classes_fit(predictor: Predictor, tmp_path: Path, letters: str) -> None:
    names = tuple(f"{letters[:-2]}{number:02}" for number in range(20))
    text = report(with_classes(predictor, names), None, {})
    assert overflow(text, tmp_path) == [[0, True], [0, True]]
