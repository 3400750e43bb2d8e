"""ONNX Runtime, which shares no code with the network, against every layer and activation."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import MalignancyError
from model.export.onnx_model import to_onnx
from model.network.activations.registry import ACTIVATIONS, Linear
from model.network.graph import Input
from model.network.layers import LAYERS, Dense
from model.network.network import Network
from model.network.ops.dense import Activated
from model.prediction.encoder import Encoder, limits_of
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from model.training.tables.fit_encoder import fit_encoder

REASON = "needs the extra oracles: make oracles"
onnx = pytest.importorskip("onnx", reason=REASON)
onnxruntime = pytest.importorskip("onnxruntime", reason=REASON)

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
INPUTS = 12

# Every layer, with the activations and sizes that select different paths of the export.
LAYER_CASES: dict[str, list[dict[str, Any]]] = {
    "dense": [{"units": 5}, {"units": 1, "activation": "tanh"}],
    "conv1d": [
        {"filters": 3, "kernel": 2, "activation": "relu"},
        {"filters": 1, "kernel": 6},
        {"filters": 2, "kernel": 3, "stride": 2},
    ],
    "locally_connected1d": [
        {"filters": 3, "kernel": 2, "activation": "relu"},
        {"filters": 2, "kernel": 3, "stride": 2},
    ],
    "maxout": [{"units": 4, "pieces": 3}, {"units": 2, "pieces": 1}],
    "dropout": [{"rate": 0.5}],
    "alpha_dropout": [{"rate": 0.5}],
    "gaussian_noise": [{"standard_deviation": 1.0}],
    "layer_normalization": [{}, {"epsilon": 0.1}],
    "flatten": [{}],
    "residual": [
        {"layers": [{"units": INPUTS, "activation": "tanh"}, {"name": "dropout", "rate": 0.1}]},
        {"layers": [{"units": 7}]},
    ],
}


def numeric_encoder(fill: Array, center: Array, spread: Array) -> Encoder:
    """An encoder of numeric features only."""
    return Encoder((0,) * len(fill), ("",) * len(fill), fill, center, spread)


def predictor_of(network: Network, seed: int = 0) -> Predictor:
    """A predictor with random weights, biases, gains and scaler."""
    generator = np.random.default_rng(seed)
    theta = network.initial_parameters(generator)
    theta += generator.normal(0, 0.2, theta.shape).astype(theta.dtype)
    features = tuple(Feature(name=f"f{i}", may_be_missing=True) for i in range(network.inputs))
    center, fill = generator.normal(0, 1, (2, network.inputs))
    nothing: Array = np.empty(0)
    return Predictor(
        name="a model of Ω",
        schema=Schema(features=features, target=Binary(negative="no", positive="ja, größer")),
        encoder=numeric_encoder(fill, center, generator.uniform(0.5, 2, network.inputs)),
        network=network,
        theta=theta,
        operating_points={"default": 0.25},
        train=ScoredRows.ungrouped(nothing, nothing),
        validation=ScoredRows.ungrouped(nothing, nothing),
        self_test=SelfTest(nothing, nothing),
        version="f" * 64,
    )


def run(content: bytes, rows: Array) -> Array:
    """The outputs of ONNX Runtime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    [outputs] = session.run(None, {"input": rows})
    return np.asarray(outputs)


def assert_same(predictor: Predictor, rows: Array) -> None:
    """One row and all rows equal the predictions of the predictor's network, in its dtype."""
    network, content = predictor.network, to_onnx(predictor)
    expected = network.predict(predictor.theta, predictor.encoder.encode(rows))
    for count in (1, len(rows)):
        found = run(content, rows[:count])
        assert (found.dtype.name, found.shape) == (network.dtype, (count, network.outputs))
        tolerance = TOLERANCE[network.dtype]
        np.testing.assert_allclose(found, expected[:count], rtol=tolerance, atol=tolerance)


def some_rows(features: int = INPUTS, count: int = 40) -> Array:
    """Rows around 0, a tenth of the values missing."""
    generator = np.random.default_rng(1)
    rows = generator.normal(0, 2, (count, features))
    rows[generator.random(rows.shape) < 0.1] = np.nan
    rows[0, 1] = np.nan
    return rows


def test_every_layer_has_a_case() -> None:
    assert LAYER_CASES.keys() == LAYERS.keys()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "layer",
    [{"name": name, **case} for name, cases in LAYER_CASES.items() for case in cases],
    ids=str,
)
def test_layer(layer: dict[str, Any], channels: int, dtype: str) -> None:
    network = Network([layer, Dense(2)], INPUTS, "mean_squared_error", dtype, channels)
    assert_same(predictor_of(network), some_rows())


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "activation",
    [*ACTIVATIONS, {"name": "leaky_relu", "slope": 0.3}, {"name": "elu", "alpha": 0.7}],
    ids=str,
)
def test_activation(activation: str | dict[str, Any], dtype: str) -> None:
    """Random weights; then weights of 1, on numbers near 0 and so large that e overflows."""
    layers = [Dense(5, activation), Dense(2)]
    assert_same(
        predictor_of(Network(layers, INPUTS, "mean_squared_error", dtype)),
        some_rows(),
    )
    numbers = np.concatenate([-np.logspace(-9, 3, 60), [0], np.logspace(-9, 3, 60)])
    network = Network([Dense(1, activation), Dense(1)], 1, "mean_squared_error", dtype)
    predictor = predictor_of(network)
    predictor.theta[:] = [1, 0, 1, 0]
    assert_same(predictor, numbers[:, None])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        ("mean_squared_error", 1),
        ("binary_cross_entropy", 1),
        ("binary_cross_entropy", 3),
        ("categorical_cross_entropy", 3),
        ("sparse_categorical_cross_entropy", 2),
    ],
)
def test_link(loss: str, outputs: int, dtype: str) -> None:
    predictor = predictor_of(Network([Dense(outputs)], INPUTS, loss, dtype))
    assert_same(predictor, some_rows())
    assert_same(predictor, 30 * some_rows())


@pytest.mark.parametrize(("dtype", "least"), [("float64", -700.0), ("float32", -85.0)])
def test_small_probabilities_keep_their_digits(dtype: str, least: float) -> None:
    network = Network([Dense(1)], 1, dtype=dtype)
    encoder = numeric_encoder(np.zeros(1), np.zeros(1), np.ones(1))
    plain = replace(predictor_of(network), theta=np.array([1, 0], dtype), encoder=encoder)
    logits = np.linspace(least, 20, 500)[:, None]
    expected = network.predict(plain.theta, logits)
    found = run(to_onnx(plain), logits)
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype], atol=0)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_deep_network_of_all_kinds(dtype: str) -> None:
    layers: list[str | dict[str, Any]] = [
        {"name": "gaussian_noise", "standard_deviation": 0.1},
        {"name": "conv1d", "filters": 4, "kernel": 2, "activation": "swish"},
        {"name": "locally_connected1d", "filters": 3, "kernel": 2, "stride": 2},
        "flatten",
        "layer_normalization",
        {"name": "residual", "layers": [{"units": 8, "activation": "gelu"}, Dense(8, "selu")]},
        {"name": "maxout", "units": 6, "pieces": 3},
        {"name": "dropout", "rate": 0.2},
        {"units": 1},
    ]
    network = Network(layers, INPUTS, "binary_cross_entropy", dtype, channels=2)
    assert_same(predictor_of(network), some_rows(count=200))


def test_the_articles_artifact_end_to_end(predictor: Predictor) -> None:
    content = to_onnx(predictor)
    rows = predictor.self_test.rows.copy()
    rows[0, predictor.schema.names.index("bare_nuclei")] = np.nan
    found = run(content, rows)
    np.testing.assert_allclose(found, predictor.predict(rows), rtol=0, atol=1e-10)
    np.testing.assert_allclose(found[1:], predictor.self_test.predictions[1:], rtol=0, atol=1e-6)
    assert to_onnx(predictor) == content


def test_clipped_numbers_and_unknown_categories() -> None:
    features = (
        Feature(name="a", minimum=-1, maximum=1, out_of_range="clip", may_be_missing=True),
        Feature(name="b", type="category", categories=("x", "y"), unseen="other"),
    )
    schema = Schema(features=features, target=Binary(negative="no", positive="yes"))
    fill, center, spread = np.array([0.5, 0]), np.array([0.1, 0, 0, 0]), np.array([2.0, 1, 1, 1])
    encoder = Encoder((0, 3), ("", ""), fill, center, spread, limits_of(schema))
    model = replace(predictor_of(Network([Dense(1)], 4)), schema=schema, encoder=encoder)
    assert_same(model, np.array([[0, 0], [-9, 1], [9, 2], [np.nan, 2], [1e300, 0]]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_intervals_and_a_smooth_clip(dtype: str) -> None:
    features = (
        Feature(name="a", may_be_missing=True),
        Feature(name="b", type="category", categories=("x", "y")),
        Feature(name="c"),
    )
    schema = Schema(features=features, target=Binary(negative="no", positive="yes"))
    rows = np.column_stack([np.arange(9.0) ** 2, np.arange(9) % 2, np.arange(9) // 4])
    encoder = fit_encoder(rows, schema, "robust", ("", "", ""), intervals=3, smooth_clip=3.0)
    network = Network([Dense(1)], 10, dtype=dtype)
    model = replace(predictor_of(network), schema=schema, encoder=encoder)
    new = np.array([[np.nan, 0, 1], [-1e300, 1, 0], [1e300, 1, 7], [5, 0, 0.5]])
    assert_same(model, np.vstack([rows, new]))


def test_metadata(predictor: Predictor) -> None:
    model = onnx.load_from_string(to_onnx(predictor))
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata.pop("name") == "article"
    assert metadata.pop("version") == predictor.version != ""
    assert {key: json.loads(value) for key, value in metadata.items()} == {
        "features": list(predictor.schema.names),
        "target": {"task": "binary", "negative": "benign", "positive": "malignant", "refer": None},
        "operating_points": dict(predictor.operating_points),
    }
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)
    assert [value.name for value in model.graph.input] == ["input"]
    assert [value.name for value in model.graph.output] == ["probability"]


def test_names_in_any_script_are_kept() -> None:
    model = onnx.load_from_string(to_onnx(predictor_of(Network([Dense(1)], 2))))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert (metadata["name"], json.loads(metadata["target"])["positive"]) == (
        "a model of Ω",
        "ja, größer",
    )


def test_unknown_nodes_and_activations_are_rejected() -> None:
    class Odd(Input):
        """A node that the export does not know."""

    class Strange(Linear):
        name = "strange"

    network = Network([Dense(1)], 2)
    for last, message in (
        (Odd(network.ends[-1], units=1), "node Odd cannot be exported to ONNX"),
        (Activated(network.ends[-1], Strange()), "activation strange cannot be exported to ONNX"),
    ):
        network.ends.append(last)
        with pytest.raises(MalignancyError, match=message):
            to_onnx(predictor_of(network))
