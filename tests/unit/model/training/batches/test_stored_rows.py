"""Rows in a file: batches, trainings, samples and digests, in constant memory."""

import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.errors import DataError, NetworkError, TrainingError
from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.batches import shuffling, stored_rows
from model.training.batches.batches import Batches
from model.training.batches.rows import EncodedRows, Rows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting.checkpoint import Checkpoint
from model.training.fitting.evaluator import Evaluator
from model.training.fitting.loop import ProgressCallback, TrainingResult, minimize

NETWORK = Network([Dense(4, "tanh"), Dense(1)], inputs=3)
THETA = NETWORK.initial_parameters(np.random.default_rng(0))


def encode(rows: Array) -> Array:
    """Fill the second feature with 7 where missing; the third input is half the second."""
    filled = np.where(np.isnan(rows), 7, rows)
    return np.column_stack([filled, filled[:, 1] / 2]) - 0.5


def records(count: int, seed: int = 1) -> Array:
    """Return two features, some missing, a label that depends on them, and a weight, some 0."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((count, 2))
    labels = features.sum(axis=1) + generator.standard_normal(count) > 0
    features[generator.random(count) < 0.1, 1] = np.nan
    weights = np.floor(generator.uniform(0, 5, count))
    weights[:1] = 1
    return np.column_stack([features, labels, weights])


def unscaled(targets: Array, weights: Array) -> tuple[Array, Array]:
    return targets, weights


def store(path: Path, table: Array, *, weighted: bool = False) -> StoredRows:
    table.tofile(path)
    return StoredRows(path, 2, 1, encode, unscaled, weighted=weighted)


def held(table: Array, *, weighted: bool = False) -> Rows:
    return Rows(encode(table[:, :2]), table[:, 2:3], table[:, 3] if weighted else None)


def training(batch_size: int | str, epochs: int = 1, **more: Any) -> Training:
    return Training(optimizer="adam", epochs=epochs, batch_size=batch_size, **more)


def small_windows(patch: pytest.MonkeyPatch, block_rows: int = 6, blocks: int = 2) -> None:
    """Set the minimum rows of a block and the blocks of a window."""
    patch.setattr(shuffling, "BLOCK_ROWS", block_rows)
    patch.setattr(shuffling, "MIN_BLOCKS", blocks)
    patch.setattr(shuffling, "WINDOW_BYTES", blocks * block_rows * 48)  # NETWORK: 48 a row
    patch.setattr(stored_rows, "CHUNK_BYTES", 10 * 32)  # 10 records


def gradients(batches: Batches, epoch: int) -> list[Array]:
    """Return the gradients of an epoch's batches."""
    order, found = batches.order(epoch), []
    for number in range(batches.count):
        batches.step(order, number)
        found.append(batches.gradient.copy())
    return found


def rows_of(batches: shuffling.WindowedRows, epoch: int, count: int, size: int) -> list[float]:
    """Return each row's first input, in the order of an epoch."""
    order, found = batches.order(epoch), []
    for first in range(0, count, size):
        index = batches.index(order, first, first + size)
        assert len(index) == min(size, count - first)
        found += batches.table[index, 0].tolist()
    return found


# Batches


@given(st.integers(1, 70), st.integers(1, 20), st.integers(1, 9), st.integers(1, 3))
def test_every_row_occurs_once_per_epoch(count: int, size: int, block: int, blocks: int) -> None:
    table, size = records(count), min(size, count)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_windows(patch, block, blocks)
        path = Path(folder, "rows")
        rows = store(path, table)
        first, again = (shuffling.WindowedRows(NETWORK, THETA, rows, size, 3) for _ in range(2))
        for epoch in (0, 1, 10**6):
            seen = rows_of(first, epoch, count, size)
            assert sorted(seen) == sorted(encode(table[:, :2])[:, 0])
            assert rows_of(again, epoch, count, size) == seen


def test_order_depends_on_seed_and_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_windows(monkeypatch)
    table = store(tmp_path / "rows", records(100))
    one, two = (shuffling.WindowedRows(NETWORK, THETA, table, 3, seed) for seed in (0, 1))
    orders = [rows_of(each, epoch, 100, 3) for each in (one, two) for epoch in range(20)]
    assert len({tuple(order) for order in orders}) == 40
    assert len({one.order(epoch)[1] for epoch in range(20)}) > 5
    assert rows_of(one, 7, 100, 3) == orders[7]
    order = one.order(0)
    assert len({tuple(one.index(order, first, first + 12)) for first in range(0, 96, 12)}) == 8


def test_window_is_shuffled_in_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shuffle differs from the order of the file's blocks."""
    small_windows(monkeypatch, 1, 50)
    rows = shuffling.WindowedRows(NETWORK, THETA, store(tmp_path / "rows", records(50)), 1, 0)
    shuffles = [rows.index(rows.order(epoch), 0, 50).tolist() for epoch in range(9)]
    shuffles += [rows.order(epoch)[1:].tolist() for epoch in range(9)]
    assert len({tuple(each) for each in shuffles}) == 18


def test_batch_contains_rows_from_the_whole_window(tmp_path: Path) -> None:
    """With the default window size, the rows of a batch come from all over a small file."""
    table = records(20_000)
    table[:, 0] = np.arange(20_000)
    batches = shuffling.WindowedRows(NETWORK, THETA, store(tmp_path / "rows", table), 100, 0)
    seen = np.array(rows_of(batches, 0, 16_000, 100)).reshape(160, 100)
    assert np.ptp(seen, axis=1).min() > 8000


def test_wide_rows_use_the_minimum_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shuffling, "WINDOW_BYTES", 1)
    rows = store(tmp_path / "rows", records(200))
    assert len(shuffling.WindowedRows(NETWORK, THETA, rows, 5, 0).table) == 80


@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.sampled_from([0, 2]))
def test_gradients_add_up_as_in_memory(count: int, size: int, weighted: bool, members: int) -> None:
    table = records(count)
    theta = np.stack([THETA * (k + 1) for k in range(members)]) if members else THETA
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_windows(patch)
        stored = store(Path(folder, "rows"), table, weighted=weighted)
        found = gradients(Batches(NETWORK, theta, stored, training(size)), 2)
    sizes = [min(size, count - start) for start in range(0, count, size)]
    total = sum(each * gradient for each, gradient in zip(sizes, found, strict=True)) / count
    in_memory = held(table, weighted=weighted)
    encoded = EncodedRows(NETWORK, in_memory)
    (expected,) = gradients(Batches(NETWORK, theta, encoded, training("full")), 0)
    np.testing.assert_allclose(total, expected, rtol=1e-10, atol=1e-13)


def test_auto_batch_size_equals_that_in_memory(tmp_path: Path) -> None:
    in_memory = EncodedRows(NETWORK, held(records(300)))
    stored = store(tmp_path / "rows", records(300))
    for budget in (20_000, 2**28):
        settings = training("auto", memory_budget=budget)
        found = Batches(NETWORK, THETA, stored, settings).size
        assert found == Batches(NETWORK, THETA, in_memory, settings).size


def test_full_batch_is_rejected(tmp_path: Path) -> None:
    message = r"training\.batch_size must be a number or \"auto\" for rows that stay .* got 'full'"
    with pytest.raises(NetworkError, match=message):
        Batches(NETWORK, THETA, store(tmp_path / "rows", records(9)), training("full"))


# Trainings


def run_training(
    path: Path, table: Array, kept: Path | None = None, watch: ProgressCallback | None = None
) -> TrainingResult:
    network = Network([Dense(4, "tanh"), Dropout(0.2), Dense(1)], inputs=3)
    settings = training(5, epochs=2, augmentation=["mixup"], average=0.9)
    checkpoint = None if kept is None else Checkpoint(kept, every_seconds=0)
    rows = store(path, table, weighted=True)
    return minimize(network, THETA, settings, rows, watch=watch, checkpoint=checkpoint)


@given(steps=st.integers(1, 31))
@settings(max_examples=15)
def test_training_resumes_in_any_window(steps: int) -> None:
    """An epoch has 16 batches, a window 4."""
    steps_seen = iter(range(1, 33))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_windows(patch)
        path, kept, table = Path(folder, "rows"), Path(folder, "kept"), records(78)
        whole = run_training(path, table)
        assert run_training(path, table, kept, lambda *_: next(steps_seen) == steps).interrupted
        resumed = run_training(path, table, kept)
        assert resumed.history == whole.history
        assert (resumed.theta == whole.theta).all()
        with pytest.raises(TrainingError, match="training rows differs"):
            run_training(path, records(78, seed=2), kept)


def test_training_is_as_accurate_as_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the worst order: all rows of one class come first."""
    small_windows(monkeypatch, 20, 16)
    table = records(2000)
    table = table[np.argsort(table[:, 2])]
    settings = training(20, epochs=20, learning_rate=0.01)
    losses = [
        minimize(NETWORK, THETA, settings, rows, held(records(2000, seed=5))).history.best.monitored
        for rows in (held(table), store(tmp_path / "rows", table))
    ]
    assert losses[0] < 0.5
    assert losses[1] == pytest.approx(losses[0], abs=0.01)


def test_memory_is_constant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "WINDOW_BYTES", 2**20)
    peaks = []
    for count in (50_000, 500_000):
        table = store(tmp_path / "rows", records(count), weighted=True)
        tracemalloc.start()
        minimize(NETWORK, THETA, training(512), table)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 8 * 2**20
    assert peaks[1] < peaks[0] * 1.3, peaks


# Samples, digests and invalid files


@given(st.integers(1, 80), st.integers(1, 90), st.booleans())
def test_sample_equals_that_of_rows_in_memory(count: int, max_rows: int, weighted: bool) -> None:
    table = records(count)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_windows(patch)
        stored = store(Path(folder, "rows"), table, weighted=weighted)
        found = Evaluator(NETWORK, EncodedRows(NETWORK, stored.sample(max_rows, 0)))
        size = min(
            max_rows, np.count_nonzero(table[:, 3]) if weighted and max_rows < count else count
        )
        inputs = np.asarray(stored.sample(max_rows, 5).inputs)
        assert len(inputs) == len(np.unique(inputs, axis=0)) == size
        assert (inputs[:, None] == encode(table[:, :2])).all(axis=-1).any(axis=-1).all()
    in_memory = EncodedRows(NETWORK, held(table, weighted=weighted))
    expected = Evaluator(NETWORK, in_memory, max_rows)
    assert found.evaluate(THETA) == expected.evaluate(THETA)
    assert found.digest() == expected.digest()


def test_sample_covers_the_whole_file(tmp_path: Path) -> None:
    stored = store(tmp_path / "rows", records(100_000) + np.arange(100_000)[:, None])
    drawn = [np.asarray(stored.sample(2000, seed).inputs)[:, 0] for seed in range(3)]
    assert not np.array_equal(drawn[0], drawn[1])
    counts = np.histogram(drawn, 10, (0, 1e5))[0]
    assert abs(counts - 600).max() < 120  # 5 standard deviations


@given(st.integers(0, 50 * 32 - 1), st.integers(1, 255))
def test_digest_covers_every_byte(place: int, change: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_windows(patch)
        path = Path(folder, "rows")
        stored = store(path, records(50))
        before, content = stored.digest(), bytearray(path.read_bytes())
        assert store(path, records(50)).digest() == before
        assert (
            StoredRows(path, 2, 1, lambda x: encode(x) + 1, unscaled, weighted=False).digest()
            != before
        )
        assert StoredRows(path, 2, 1, encode, unscaled, weighted=True).digest() != before
        content[place] ^= change
        path.write_bytes(content)
        assert stored.digest() != before


def test_truncated_files_are_rejected(tmp_path: Path) -> None:
    stored = store(path := tmp_path / "rows", records(50))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"rows: not a file of rows, .*: 1599 bytes are not whole"):
        StoredRows(path, 2, 1, encode, unscaled, weighted=False)
    with pytest.raises(DataError, match="rows: truncated since it was opened, at row 40 or later"):
        stored.read(40, 50)
    assert len(np.asarray(stored.read(39, 49).inputs)) == 10
    path.write_bytes(b"")
    with pytest.raises(DataError, match="rows: not a file of rows, or a truncated one: it has no"):
        StoredRows(path, 2, 1, encode, unscaled, weighted=False)
    path.unlink()
    for fails in (stored.digest, lambda: StoredRows(path, 2, 1, encode, unscaled, weighted=False)):
        with pytest.raises(DataError, match="rows: cannot be read: No such file"):
            fails()


def test_weights_of_0_only_are_rejected(tmp_path: Path) -> None:
    table = records(50) * [1, 1, 1, 0]
    with pytest.raises(NetworkError, match="weights must not be all 0"):
        Batches(NETWORK, THETA, store(tmp_path / "rows", table, weighted=True), training(8))
    Batches(NETWORK, THETA, store(tmp_path / "rows", table), training(8))


def test_mean_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_windows(monkeypatch)
    stored = store(tmp_path / "rows", records(55), weighted=True)
    assert stored.mean_weight() == pytest.approx(records(55)[:, 3].mean())
