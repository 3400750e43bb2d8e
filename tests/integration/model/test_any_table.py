"""Any table: init, describe, train, evaluate, predict and serve give a result, or one sentence."""

import asyncio
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import httpx
import pytest
from hypothesis import HealthCheck, given, note, settings
from support.any_table import COLUMNS, AnyTable, any_table, table_of_all_kinds

from model.artifacts import artifact
from service.app import create_app
from service.openapi.examples import PredictionExamples
from service.registry.model_version import ModelVersion
from service.settings import Settings

pytestmark = pytest.mark.usefixtures("few_draws")

QUICK = (
    (r"epochs = \d+", "epochs = 2"),
    (r"members = \d+", "members = 2"),
    (r"folds = \d+", "folds = 2"),
)
SETTINGS = settings(suppress_health_check=list(HealthCheck), derandomize=True)


def run(*arguments: str | Path) -> tuple[int, str]:
    """Return the exit code and stderr of a command."""
    from model.cli import main

    out, err = StringIO(), StringIO()
    with (
        patch.object(sys, "argv", ["model", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as exit_:
            return int(exit_.code or 0), err.getvalue()
    return 0, err.getvalue()


async def ask(path: Path) -> httpx.Response:
    """Return the answer of a service of a model to one typical row."""
    predictor = artifact.load(path)
    row = PredictionExamples(ModelVersion(predictor, Settings())).rows[0]
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post("/predict", json=row)


def gives_model(table: AnyTable) -> bool:
    """Check each step of a table's path, and return whether it ends in a served model."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        file, recipe, model = folder / "t.csv", folder / "r.toml", folder / "a.joblib"
        file.write_text(table.text, encoding="utf-8")
        code, err = run("init", file, "--output", recipe)
        assert code in (0, 2), err
        if code:
            note(err)
            assert re.fullmatch(r"error: .*t\.csv: .+\n", err)
            assert not recipe.exists()
            return False
        text = recipe.read_text(encoding="utf-8")
        for pattern, quick in QUICK:
            text = re.sub(pattern, quick, text)
        recipe.write_text(f"explanation.rows = 30\n{text}", encoding="utf-8")
        for arguments in (
            ("describe", recipe, "--folder", folder),
            ("train", recipe, "--output", model),
            ("evaluate", model, "--json"),
            ("predict", model, file, "--output", folder / "out.csv"),
        ):
            assert run(*arguments) == (0, "")
        answer = asyncio.run(ask(model))
        assert answer.status_code == 200, answer.text
    return True


@given(any_table())
@settings(SETTINGS, max_examples=3)
def test_any_table_gives_a_model_or_one_sentence(table: AnyTable) -> None:
    gives_model(table)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(any_table(max_rows=1000, max_columns=40))
@settings(SETTINGS, max_examples=10)
def test_many_tables_give_a_model_or_one_sentence(table: AnyTable) -> None:
    gives_model(table)


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.timeout(3600)
@given(any_table(max_rows=1000, max_columns=40))
@settings(SETTINGS, derandomize=False, max_examples=100)
def test_a_hundred_tables_give_a_model_or_one_sentence(table: AnyTable) -> None:
    gives_model(table)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("rows", "columns", "target"),
    [
        (60, 2000, "yes and no"),
        (5, 300, "numbers"),
        (5000, 2 * len(COLUMNS), "rare classes"),
        (5000, 1, "numbers with gaps"),
    ],
)
def test_wide_and_long_tables_give_a_model(rows: int, columns: int, target: str) -> None:
    assert gives_model(table_of_all_kinds(rows, columns, target))
