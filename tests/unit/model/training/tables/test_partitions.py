"""A table larger than the memory limit: same partitions and accuracy as one in memory."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import DataError
from model.metrics.threshold_metrics import metrics_at_threshold
from model.pipelines.prepare import prepare
from model.pipelines.train import train
from model.training import memory
from model.training.batches.stored_rows import StoredRows
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables import partitions
from model.training.tables.partitions import Partitions, read_partitions, read_sample
from model.training.tables.readers import read_chunks

ROWS = 3000
RECIPE = """
name = "mine"
features = [{ name = "number" }, { name = "x" }, { name = "y", may_be_missing = true }]
data.file = "rows.csv"
data.target = "side"
data.negative = "left"
data.positive = "right"
scaling.method = "standard"
network.hidden = [{ units = 6, activation = "tanh" }]
training = { optimizer = "adam", learning_rate = 0.02, epochs = 8, batch_size = 32 }
"""


def table() -> str:
    generator = np.random.default_rng(0)
    lines = ["number,x,y,side,patient,w,part,third,size"]
    points = generator.normal(0, 1, (ROWS, 2)).round(3).tolist()
    for number, (x, y) in enumerate(points):
        side = "right" if x + y > 1 else "left"
        missing = "" if number % 50 == 7 else y
        others = f"p{number // 3},{1 + number % 4},{'ab'[number % 5 == 0]}"
        others += f",{'vtrr'[number % 4]},{100 + 10 * (x - y):.3f}"
        lines.append(f"{number},{x},{missing},{side},{others}")
    return "\n".join([*lines, ""])


@pytest.fixture
def recipe_of(tmp_path: Path) -> Any:
    (tmp_path / "rows.csv").write_text(table())

    def make(more: str, change: tuple[str, str] = ("", "")) -> Recipe:
        path = tmp_path / "mine.toml"
        path.write_text(RECIPE.replace(*change) + more)
        return load_recipe(str(path))

    return make


@pytest.fixture
def small_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Write tables of more than about 400 rows to a file; check that the file is deleted."""
    folder = tmp_path_factory.mktemp("spilled")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(memory, "MAX_MEMORY_BYTES", 10_000)
    monkeypatch.setattr(
        partitions, "read_chunks", lambda path, **options: read_chunks(path, 350, **options)
    )
    yield
    assert not list(folder.iterdir())


def records(spilled: Partitions) -> Array:
    assert spilled.file is not None
    return np.fromfile(spilled.file.name).reshape(-1, spilled.train.rows.shape[1] + 2)


@pytest.mark.parametrize(
    "split",
    [
        "split = { train = [100, 2000], validation = [2000, 2900] }",
        'split = { column = "part", validation = "b" }',
        "split = { train = [100, 2000], validation = [2000, 2500], test = [2600, 2900] }",
        'split = { column = "third", validation = "v", test = "t" }',
    ],
)
@pytest.mark.parametrize("missing", ["drop", "median"])
@pytest.mark.usefixtures("small_memory")
def test_rows_equal_those_in_memory(
    recipe_of: Any, monkeypatch: pytest.MonkeyPatch, split: str, missing: str
) -> None:
    recipe = recipe_of(f'data.missing = "{missing}"\ndata.weight = "w"\n{split}')
    spilled = read_partitions(recipe)
    monkeypatch.setattr(memory, "MAX_MEMORY_BYTES", 10**9)
    held = read_partitions(recipe)
    assert held.file is None
    assert held.train.weights is not None
    whole = np.column_stack([held.train.rows, held.train.targets, held.train.weights])
    np.testing.assert_array_equal(records(spilled), whole)
    np.testing.assert_array_equal(spilled.train.rows, held.train.rows)  # all are sampled here
    np.testing.assert_array_equal(spilled.validation.rows, held.validation.rows)
    assert (held.test is not None) == ("test" in split)
    if held.test is not None:
        assert spilled.test is not None
        np.testing.assert_array_equal(spilled.test.rows, held.test.rows)
    assert spilled.dropped == held.dropped
    for one, other in (
        (spilled.table_stats, held.table_stats),
        (spilled.train_stats, held.train_stats),
    ):
        assert (one.rows, one.counts.tolist()) == (other.rows, other.counts.tolist())
    spilled.close()


@pytest.mark.usefixtures("small_memory")
def test_fraction_is_drawn_row_by_row(recipe_of: Any) -> None:
    found: dict[int, list[float]] = {}
    for seed in (0, 0, 1):
        spilled = read_partitions(recipe_of(f"split = {{ validation = 0.3, seed = {seed} }}"))
        trains, validates = spilled.train.rows[:, 0], spilled.validation.rows[:, 0]
        assert len(trains) + len(validates) == ROWS - spilled.dropped
        assert not set(trains) & set(validates)
        assert abs(len(validates) / ROWS - 0.3) < 4 * np.sqrt(0.3 * 0.7 / ROWS)
        assert found.setdefault(seed, validates.tolist()) == validates.tolist()
        spilled.close()
    assert found[0] != found[1]


@pytest.mark.usefixtures("small_memory")
def test_groups_stay_together(recipe_of: Any) -> None:
    spilled = read_partitions(recipe_of('data.group = "patient"\nsplit.validation = 0.3'))
    assert spilled.train.groups is not None
    assert spilled.validation.groups is not None
    assert not set(spilled.train.groups) & set(spilled.validation.groups)
    assert abs(len(spilled.validation.rows) / ROWS - 0.3) < 0.05
    spilled.close()


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("group", ["", 'data.group = "patient"\n'])
def test_test_rows_are_apart(recipe_of: Any, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    recipe = recipe_of(f"{group}split = {{ validation = 0.3, test = 0.2 }}")
    for limit in (10_000, 10**9):
        monkeypatch.setattr(memory, "MAX_MEMORY_BYTES", limit)
        parts = read_partitions(recipe)
        assert parts.test is not None
        tables = parts.train, parts.validation, parts.test
        for table, share in zip(tables, (0.5, 0.3, 0.2), strict=True):
            assert abs(len(table.rows) / len(parts.table.rows) - share) < 0.05
        units = [
            set(each.rows[:, 0] if each.groups is None else each.groups.tolist()) for each in tables
        ]
        assert sum(map(len, units)) == len(set.union(*units))
        assert len(parts.development.rows) == len(parts.train.rows) + len(parts.validation.rows)
        assert parts.train_stats.rows == len(parts.train.rows)
        parts.close()


@pytest.mark.usefixtures("small_memory")
def test_samples_are_uniform(recipe_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MAX_SAMPLE_BYTES", 0)  # the minimum is 1000 rows
    spilled = read_partitions(recipe_of("split.validation = 0.1"))
    drawn = spilled.train.rows[:, 0]
    assert len(drawn) == len(set(drawn)) == 1000
    assert (np.diff(drawn) > 0).all()
    tenths = np.bincount((drawn / (ROWS / 10)).astype(int), minlength=10)
    assert abs(tenths - 100).max() < 40
    assert spilled.train_stats.rows == len(records(spilled)) > 2500
    spilled.close()


@pytest.mark.usefixtures("small_memory")
def test_training_from_a_file_is_accurate(recipe_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MAX_SAMPLE_BYTES", 0)
    recipe = recipe_of('data.missing = "median"\nsplit.validation = 0.3')
    trained = train(recipe)
    predictor = trained.predictor
    facts = predictor.facts["data"]
    assert facts["rows"] == facts["rows_used"] == ROWS
    assert facts["sampled"] == {"train": 1000, "validation": len(predictor.validation.targets)}
    assert 1900 < facts["trained_on"] < 2300
    found = metrics_at_threshold(predictor.schema.target, predictor.validation, 0.5)
    assert found["accuracy"] > 0.94
    assert len(trained.table.rows) == 1000 + len(predictor.validation.targets)


@pytest.mark.usefixtures("small_memory")
def test_class_weights_count_all_training_rows(recipe_of: Any) -> None:
    more = 'data.weight = "w"\ndata.class_weight = "balanced"\nsplit.validation = 0.3'
    recipe = recipe_of(more)
    with closing(read_partitions(recipe)) as parts:
        given = records(parts)
        stored = prepare(recipe, parts).training_rows()
        assert isinstance(stored, StoredRows)
        found = stored.read(0, len(stored))
        weights = np.asarray(found.weights)
        negatives, positives = parts.train_stats.counts
        class_weights = np.where(given[:, -2] > 0, 1 / positives, 1 / negatives) * len(given) / 2
        np.testing.assert_allclose(weights, given[:, -1] * class_weights)
        np.testing.assert_array_equal(np.asarray(found.targets), given[:, -2:-1])
        assert stored.mean_weight() == pytest.approx(weights.mean())


@pytest.mark.usefixtures("small_memory")
def test_regression_targets_are_scaled(recipe_of: Any) -> None:
    recipe = recipe_of(
        'data.missing = "median"\nsplit.validation = 0.3',
        (
            'data.target = "side"\ndata.negative = "left"\ndata.positive = "right"',
            'data.target = "size"\ntask = "regression"',
        ),
    )
    predictor = train(recipe).predictor
    [found] = metrics_at_threshold(predictor.schema.target, predictor.validation, 0.5)[
        "outputs"
    ].values()
    assert found["r_squared"] > 0.95


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("split = { train = [0, 10], validation = [10, 9999] }", "split.validation ends at row 9"),
        ('split = { column = "part", validation = "c" }', "no row has the value 'c'"),
        ("split.validation = 1e-9", "split.validation: 1e-09 leaves one part empty"),
        ("split = { train = [0, 1], validation = [1, 9] }", "split.train holds one class only"),
    ],
)
@pytest.mark.usefixtures("small_memory")
def test_invalid_split_is_rejected(recipe_of: Any, more: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_partitions(recipe_of(more))


@pytest.mark.usefixtures("small_memory")
def test_invalid_cell_in_a_late_chunk_is_rejected(recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of("split.validation = 0.3")
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("1,x,2,left,p,1,a,r,1\n")
    with pytest.raises(DataError, match=r"^rows.csv: line 3002, column 'x': must be a number$"):
        read_partitions(recipe)


@pytest.mark.usefixtures("small_memory")
def test_full_disk_is_reported(recipe_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create = tempfile.NamedTemporaryFile

    def create_full(**given: Any) -> Any:
        file = create(**given)

        def write(_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(file, "write", write)
        return file

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", create_full)
    message = "cannot keep the training rows: No space left on device .set TMPDIR to"
    with pytest.raises(DataError, match=message):
        read_partitions(recipe_of("split.validation = 0.3"))


@pytest.mark.usefixtures("small_memory")
def test_read_sample_is_limited_by_memory(recipe_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of("split.validation = 0.3")
    table, rows = read_sample(recipe)
    assert (len(table.rows), rows) == (1000, ROWS - 60)
    monkeypatch.setattr(memory, "MAX_MEMORY_BYTES", 10**9)
    table, rows = read_sample(recipe)
    assert len(table.rows) == rows == ROWS - 60
