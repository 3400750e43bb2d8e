"""Augmentation of a batch in both memory layouts: values, randomness and allocations."""

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.errors import NetworkError
from model.network.losses import LOSSES, Loss
from model.training.regularization.augmentation import (
    AUGMENTATIONS,
    Augmentation,
    augmentation_from,
)

ALL: list[Any] = [
    {"name": "jitter", "standard_deviation": 0.5},
    "mixup",
    {"name": "shift", "most": 2},
    {"name": "scale", "standard_deviation": 0.5},
    {"name": "signal_noise", "share": 0.5},
]


def batch(
    *lead: int, features: int = 12, rows: int = 64, dtype: str = "float64", by_row: bool = False
) -> tuple[Array, Array]:
    """Return inputs (…, features, B), contiguous by row or by feature, and targets (…, 1, B)."""
    drawn = np.random.default_rng(0).standard_normal((*lead, rows, features)).astype(dtype)
    inputs = drawn.swapaxes(-1, -2)
    if not by_row:
        inputs = np.ascontiguousarray(inputs)
    return inputs, np.random.default_rng(1).standard_normal((*lead, 1, rows)).astype(dtype)


def apply(
    description: Any, inputs: Array, targets: Array, *, channels: int = 1, seed: int = 0
) -> None:
    generator = np.random.default_rng(seed)
    for call in augmentation_from(description).bind(inputs, targets, channels, generator):
        call()


@pytest.mark.parametrize("description", ALL)
@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_both_layouts_give_the_same_result(
    description: Any, lead: tuple[int, ...], dtype: str
) -> None:
    found = []
    for by_row in (False, True):
        inputs, targets = batch(*lead, dtype=dtype, by_row=by_row)
        before = inputs.copy()
        apply(description, inputs, targets)
        assert (inputs != before).any()
        assert inputs.dtype == dtype
        found.append((inputs, targets))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, *((1e-5, 1e-6) if dtype == "float32" else (1e-13,)))


@pytest.mark.parametrize("description", ALL)
def test_generator_state_determines_the_result(description: Any) -> None:
    inputs, targets = batch()
    generator = np.random.default_rng(3)
    calls = augmentation_from(description).bind(inputs, targets, 1, generator)
    start, found = (inputs.copy(), targets.copy()), []
    state = generator.bit_generator.state
    for _ in range(2):
        generator.bit_generator.state = state
        inputs[...], targets[...] = start
        for call in calls:
            call()
        found.append((inputs.copy(), targets.copy()))
    assert (found[0][0] == found[1][0]).all()
    inputs[...], targets[...] = start
    for call in calls:
        call()
    assert (inputs != found[0][0]).any()  # the next step draws other numbers


@pytest.mark.parametrize("description", [each for each in ALL if each != "mixup"])
def test_targets_do_not_change(description: Any) -> None:
    inputs, targets = batch()
    before = targets.copy()
    apply(description, inputs, targets)
    assert (targets == before).all()


def test_jitter_has_the_given_standard_deviation() -> None:
    inputs, targets = batch(rows=5000)
    before = inputs.copy()
    apply(ALL[0], inputs, targets)
    noise = inputs - before
    assert noise.std() == pytest.approx(0.5, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("loss", [LOSSES[name]() for name in LOSSES], ids=lambda loss: loss.name)
def test_mixup_mixes_targets_like_rows(loss: Loss) -> None:
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 3, 20)
    shares = np.eye(3)[classes]
    raw = classes if loss.name.startswith("sparse") else shares
    targets = loss.encode(raw, 3, "float64").T.copy()
    inputs = shares.T.copy()  # so that mixed rows are the mixed targets
    apply("mixup", inputs, targets)
    if loss.link == "softmax" or loss.name != "sparse_categorical_cross_entropy":
        mixed = LOSSES["categorical_cross_entropy"]() if loss.link == "softmax" else loss
        np.testing.assert_allclose(targets, mixed.encode(inputs.T, 3, "float64").T, atol=1e-14)
    assert inputs.sum(axis=0) == pytest.approx(np.ones(20))
    assert ((inputs > 0) & (inputs < 1)).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_shift_matches_a_plain_loop(channels: int) -> None:
    inputs, targets = batch(features=12, rows=200)
    before = inputs.copy()
    apply({"name": "shift", "most": 2}, inputs, targets, channels=channels)
    seen = set()
    for row in range(200):
        signal = before[:, row].reshape(-1, channels)
        last = len(signal) - 1
        candidates = {
            shift: np.array([signal[min(max(t - shift, 0), last)] for t in range(last + 1)]).ravel()
            for shift in range(-2, 3)
        }
        found = [shift for shift, moved in candidates.items() if (moved == inputs[:, row]).all()]
        assert len(found) == 1
        seen.add(found[0])
    assert seen == {-2, -1, 0, 1, 2}


@settings(deadline=None)
@given(
    positions=st.integers(2, 9),
    channels=st.integers(1, 3),
    members=st.integers(0, 3),
    rows=st.integers(1, 6),
    by_row=st.booleans(),
    data=st.data(),
)
def test_shift_of_any_shape_matches_a_plain_loop(
    positions: int, channels: int, members: int, rows: int, by_row: bool, data: st.DataObject
) -> None:
    most = data.draw(st.integers(1, positions - 1))
    lead = (members,) if members else ()
    inputs, targets = batch(*lead, features=positions * channels, rows=rows, by_row=by_row)
    before = inputs.copy()
    apply({"name": "shift", "most": most}, inputs, targets, channels=channels)
    shifts = np.random.default_rng(0).integers(-most, most, (*lead, rows, 1), endpoint=True)
    for at in np.ndindex(*lead, rows):
        place = (*at[:-1], slice(None), at[-1])
        signal, shift = before[place].reshape(-1, channels), int(shifts[at][0])
        expected = [signal[min(max(t - shift, 0), positions - 1)] for t in range(positions)]
        assert (inputs[place].reshape(-1, channels) == expected).all()


@pytest.mark.parametrize("by_row", [False, True])
def test_members_with_separate_rows_are_mixed_separately(by_row: bool) -> None:
    inputs, targets = batch(3, rows=16, by_row=by_row)
    before = inputs.copy(), targets.copy()
    apply({"name": "mixup", "alpha": 5}, inputs, targets)
    generator = np.random.default_rng(0)
    shares = generator.beta(5, 5, 3)
    assert len(set(shares)) == 3
    for k, share in enumerate(shares):
        partners = generator.permutation(16)
        for was, found in zip(before, (inputs, targets), strict=True):
            mixed = share * was[k] + (1 - share) * was[k][:, partners]
            np.testing.assert_allclose(found[k], mixed, atol=1e-14)


def test_members_that_share_rows_are_mixed_alike() -> None:
    inputs, targets = batch(rows=16)
    many = np.stack([targets, 2 * targets, -targets])
    alone = inputs.copy(), targets.copy()
    apply("mixup", *alone)
    apply("mixup", inputs, many)
    assert (inputs == alone[0]).all()
    for factor, found in zip((1, 2, -1), many, strict=True):
        np.testing.assert_allclose(found, factor * alone[1], atol=1e-14)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_lambda_follows_the_beta_distribution(alpha: float) -> None:
    inputs, targets = np.array([[0.0, 1.0]]), np.zeros((1, 2))
    generator = np.random.default_rng(0)
    calls = augmentation_from({"name": "mixup", "alpha": alpha}).bind(inputs, targets, 1, generator)
    shares: list[float] = []
    while len(shares) < 2000:
        inputs[...] = 0, 1
        for call in calls:
            call()
        if inputs[0, 0] + inputs[0, 1] == pytest.approx(1) and tuple(inputs[0]) != (0, 1):
            shares.append(inputs[0, 1])  # the rows are each other's partners
    assert np.mean(shares) == pytest.approx(0.5, abs=0.04)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


@pytest.mark.parametrize("description", ALL)
def test_restored_generator_state_continues_in_other_buffers(description: Any) -> None:
    generator = np.random.default_rng(3)
    inputs, targets = batch()
    calls = augmentation_from(description).bind(inputs, targets, 1, generator)
    for call in calls:
        call()
    state = generator.bit_generator.state
    again = inputs.copy(), targets.copy()
    for call in calls:
        call()
    resumed = np.random.default_rng(99)
    resumed.bit_generator.state = state
    for call in augmentation_from(description).bind(*again, 1, resumed):
        call()
    assert (again[0] == inputs).all()
    assert (again[1] == targets).all()
    assert resumed.bit_generator.state == generator.bit_generator.state


@pytest.mark.parametrize("description", ALL)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("by_row", [False, True])
def test_no_array_of_batch_size_is_allocated(description: Any, dtype: str, by_row: bool) -> None:
    # As in a plan, where the inputs are a view without the last feature (the ones).
    inputs, targets = batch(4, features=785, rows=128, dtype=dtype, by_row=by_row)
    inputs = inputs[..., :-1, :]
    calls = augmentation_from(description).bind(inputs, targets, 1, np.random.default_rng(0))
    tracemalloc.start()
    for call in calls:
        call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # NumPy's own buffers: 8192 numbers for each of up to three operands, for any batch size.
    assert peak < 250_000 < inputs.nbytes / 6, f"{peak} bytes"


def test_scale_has_one_factor_per_signal() -> None:
    inputs, targets = batch(rows=5000)
    before = inputs.copy()
    apply(ALL[3], inputs, targets)
    factors = inputs / before
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:1], factors.shape), rtol=1e-9)
    assert factors[0].mean() == pytest.approx(1, abs=0.03)
    assert factors[0].std() == pytest.approx(0.5, rel=0.03)


def test_signal_noise_is_proportional_to_the_signal() -> None:
    inputs, targets = batch(features=400, rows=50)
    inputs *= np.geomspace(0.01, 100, 50)
    before = inputs.copy()
    apply(ALL[4], inputs, targets)
    ratios = (inputs - before).std(axis=0) / before.std(axis=0)
    assert ratios == pytest.approx(np.full(50, 0.5), rel=0.2)


def test_describe_round_trips() -> None:
    assert {each if isinstance(each, str) else each["name"] for each in ALL} == set(AUGMENTATIONS)
    for description in ALL:
        built = augmentation_from(description)
        assert isinstance(built, Augmentation)
        assert augmentation_from(json.loads(json.dumps(built.describe()))) == built


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("jiter", "augmentation must be one of jitter, mixup, shift, scale, signal_noise"),
        ("jitter", "augmentation jitter needs its standard_deviation"),
        ({"name": "jitter", "standard_deviation": -1}, "jitter: standard_deviation must be a num"),
        ({"name": "scale", "standard_deviation": "x"}, "scale: standard_deviation must be a numb"),
        ({"name": "mixup", "alpha": 0}, "mixup: alpha must be a number from 0.001 to 1000, got 0"),
        ({"name": "shift", "most": 0.5}, "augmentation shift: most must be a positive integer"),
        ({"name": "signal_noise", "share": True}, "signal_noise: share must be a number"),
    ],
)
def test_invalid_description_is_rejected(description: Any, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        augmentation_from(description)


def test_shift_must_be_shorter_than_the_signal() -> None:
    inputs, targets = batch(features=12)
    with pytest.raises(NetworkError, match="most must be below the signal's 4 positions, got 4"):
        apply({"name": "shift", "most": 4}, inputs, targets, channels=3)
