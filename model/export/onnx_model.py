"""Export of a trained model to ONNX: raw rows in, predictions out.

    input (N, features) ── encode ── the network's nodes ── link ── probability (N, outputs)

Rows are float64, and are imputed and scaled in float64; the network has its own dtype. Values are
row-major here, `(N, units)`. Only operators with a float64 kernel in ONNX Runtime are used. Conv,
Elu, Selu, Softplus and LeakyRelu have none: a convolution is a product with gathered windows, and
these activations are composed of other operators.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from model.arrays import Array
from model.errors import MalignancyError
from model.export.onnx_builder import DOUBLE, OnnxGraph
from model.network.activations.activation import Activation
from model.network.activations.rectifiers import (
    ELU,
    GELU,
    GELU_CUBIC,
    GELU_LINEAR,
    SELU,
    SELU_ALPHA,
    SELU_SCALE,
    LeakyReLU,
    ReLU,
    Softplus,
    Swish,
)
from model.network.activations.registry import Linear, Sigmoid, Softmax, Tanh
from model.network.graph import Node, topological_order
from model.network.network import Network
from model.network.ops.convolution import Windowed
from model.network.ops.dense import Activated, Add, Affine, MaxOver, Normalize
from model.network.ops.stochastic import AlphaDrop, Drop, Jitter
from model.prediction.calibration import (
    CLIP,
    Calibration,
    Isotonic,
    Logistic,
    SoftmaxTemperature,
    Temperature,
)
from model.prediction.encoder import MAX_RATIO, Encoder, Scale
from model.prediction.predictor import Predictor

# Of 2022, supported from ONNX Runtime 1.12 on. Newer opsets add nothing that is used here.
OPSET: Final = 17
IR_VERSION: Final = 8


def to_onnx(predictor: Predictor) -> bytes:
    """Export a predictor as the bytes of an ONNX file, validated by onnx's checker.

    The input `input` is raw rows `(N, features)`, float64: NaN where a value is missing, a category
    as its place in the levels of the feature, of which the last is that of unknown ones. The output
    `probability`, for a regression `prediction`, is `(N, outputs)` in the network's dtype. The
    metadata properties are name, version, features, target and operating_points; the last three are
    JSON.

    Raises:
        MalignancyError: The package onnx is not installed, or a node, an activation or the
            calibration has no ONNX equivalent.
    """
    try:
        import onnx
    except ImportError:
        text = "exporting to ONNX needs the onnx extra: pip install 'malignancy[onnx]'"
        raise MalignancyError(text) from None
    from onnx import helper

    network, schema = predictor.network, predictor.schema
    graph = OnnxGraph(network.dtype)
    encoded = _encode(graph, predictor.encoder, "input")
    members = [_walk(graph, network, theta, encoded) for theta in np.atleast_2d(predictor.theta)]
    name = "prediction" if network.loss.link == "linear" else "probability"
    linked = _mean(graph, [_LINKS[network.loss.link](graph, None, logits) for logits in members])
    unscaled = _unscaled(graph, predictor.target_scale, linked)
    calibrated = _calibrated(graph, predictor.calibration, unscaled)
    graph.add("Cast", calibrated, to=graph.type, output=name)
    shape, note = ["N", len(schema.features)], "Raw rows, NaN where a value is missing"
    rows = helper.make_tensor_value_info("input", onnx.TensorProto.DOUBLE, shape, note)
    doc = f"Predictions of {', '.join(schema.target.names)}"
    prediction = helper.make_tensor_value_info(name, graph.type, ["N", network.outputs], doc)
    model = helper.make_model(
        helper.make_graph(graph.nodes, predictor.name, [rows], [prediction], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="malignancy",
    )
    properties = {
        "name": predictor.name,
        "version": predictor.version,
        "features": _json(schema.names),
        "target": schema.target.model_dump_json(),
        "operating_points": _json(dict(predictor.operating_points)),
    }
    helper.set_model_props(model, properties)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _encode(graph: OnnxGraph, encoder: Encoder, rows: str) -> str:
    """Encode as `Encoder.encode` in float64, then cast to the network's dtype."""
    values = graph.add("Where", graph.add("IsNaN", rows), encoder.fill, rows)
    if encoder.limits is not None:
        low, high = encoder.limits
        values = graph.add("Min", graph.add("Max", values, low), high)
    for name in sorted(set(encoder.transforms) - {""}):
        argument = graph.add("Add", values, np.array(1.0)) if name == "log1p" else values
        changed = graph.add("Sqrt" if name == "sqrt" else "Log", argument)
        values = graph.add("Where", np.array(encoder.transforms) == name, changed, values)
    source, code = encoder.columns
    if len(source) > len(encoder.categories):
        values = graph.add("Gather", values, source, axis=1)
    if any(encoder.categories):
        chosen = graph.add("Cast", graph.add("Equal", values, code), to=DOUBLE)
        values = graph.add("Where", np.isnan(code), values, chosen)
    if encoder.intervals is not None:
        place, *ends = encoder.intervals
        low, width = np.zeros(len(source)), np.ones(len(source))
        low[place], width[place] = ends
        is_interval = np.isin(np.arange(len(source)), place)
        share = graph.add("Div", graph.add("Sub", values, low), width)
        bounded = graph.add("Min", graph.add("Max", share, np.array(0.0)), np.array(1.0))
        values = graph.add("Where", is_interval, bounded, values)
    scaled = graph.add("Div", graph.add("Sub", values, encoder.center), encoder.spread)
    if encoder.smooth_clip is not None:
        scaled = _clipped(graph, scaled, np.isnan(code), encoder.smooth_clip)
    return graph.add("Cast", scaled, to=graph.type)


def _clipped(graph: OnnxGraph, scaled: str, is_number: Array, limit: float) -> str:
    """Clip numbers smoothly, as `Encoder.encode`."""
    least, most = np.array(-MAX_RATIO * limit), np.array(MAX_RATIO * limit)
    bounded = graph.add("Min", graph.add("Max", scaled, least), most)
    ratio = graph.add("Div", bounded, np.array(limit))
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", ratio, ratio), np.array(1.0)))
    return graph.add("Where", is_number, graph.add("Div", bounded, root), scaled)


def _mean(graph: OnnxGraph, members: list[str]) -> str:
    """Average the predictions of an ensemble's members, in float64."""
    total, *others = (graph.add("Cast", each, to=DOUBLE) for each in members)
    for each in others:
        total = graph.add("Add", total, each)
    return graph.add("Mul", total, np.array(1 / len(members))) if others else total


def _calibrated(graph: OnnxGraph, calibration: Calibration | None, p: str) -> str:
    """Calibrate as `Calibration.apply`, in float64."""
    if calibration is None:
        return p
    if isinstance(calibration, Isotonic):
        raise MalignancyError("an isotonic calibration cannot be exported to ONNX")
    above = graph.add("Max", p, np.array(CLIP))
    if isinstance(calibration, SoftmaxTemperature):
        logits = graph.add("Div", graph.add("Log", above), np.array(calibration.temperature))
        return graph.add("Softmax", logits)
    if isinstance(calibration, Temperature):
        calibration = Logistic(slope=1 / calibration.temperature)
    one, factor = np.array(1.0), np.array(np.exp(-calibration.intercept))
    clipped = graph.add("Min", above, np.array(1 - CLIP))
    odds = graph.add("Div", graph.add("Sub", one, clipped), clipped)
    power = graph.add("Mul", graph.add("Pow", odds, np.array(calibration.slope)), factor)
    return graph.add("Div", one, graph.add("Add", power, one))


def _unscaled(graph: OnnxGraph, scale: Scale | None, values: str) -> str:
    """Undo the scaling as `Scale.undo`, in float64."""
    if scale is None:
        return values
    return graph.add("Add", graph.add("Mul", values, scale.spread), scale.center)


def _walk(graph: OnnxGraph, network: Network, theta: Array, x: str) -> str:
    """Add all nodes in topological order; return the name of the last node's value."""
    values = {network.ends[0]: x}
    blocks = iter(network.layout.views(theta))
    for node in topological_order(network.ends[-1]):
        if node in values:
            continue
        write = _NODES.get(type(node))
        if write is None:
            raise MalignancyError(f"node {type(node).__name__} cannot be exported to ONNX")
        block = next(blocks) if node.block is not None else None
        values[node] = write(graph, node, block, *(values[source] for source in node.inputs))
    return values[network.ends[-1]]


def _affine(graph: OnnxGraph, _: Affine, block: Array, x: str) -> str:
    return graph.add("Gemm", x, block[:, :-1], block[:, -1], transB=1)


def _windowed(graph: OnnxGraph, node: Windowed, block: Array, x: str) -> str:
    """Multiply windows `(T, k · C, N)` of transposed rows by weights `(T or 1, filters, k · C)`.

    There are T windows of k positions and C channels.
    """
    positions = np.arange(node.windows)[:, None] * node.step + np.arange(node.size)
    parts = block.reshape(-1, node.channels, node.size + 1)
    features = graph.add("Transpose", x, perm=[1, 0])
    windows = graph.add("Gather", features, positions.astype(np.int64), axis=0)
    y = graph.add("Add", graph.add("MatMul", parts[..., :-1], windows), parts[..., -1:])
    return _reshape(graph, graph.add("Transpose", y, perm=[2, 0, 1]), node.units)


def _max_over(graph: OnnxGraph, node: MaxOver, _: None, x: str) -> str:
    groups = _reshape(graph, x, node.pieces, node.units)
    return graph.add("ReduceMax", groups, axes=[1], keepdims=0)


def _normalize(graph: OnnxGraph, node: Normalize, block: Array, x: str) -> str:
    """Compose the normalization; LayerNormalization may compute in float32 for any input."""
    centred = graph.add("Sub", x, graph.add("ReduceMean", x, axes=[1]))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[1])
    deviation = graph.add("Sqrt", graph.add("Add", variance, node.epsilon))
    n = graph.add("Div", centred, deviation)
    return graph.add("Add", graph.add("Mul", n, block[:, 0]), block[:, 1])


def _add(graph: OnnxGraph, _: Add, __: None, first: str, second: str) -> str:
    return graph.add("Add", first, second)


def _noise(graph: OnnxGraph, _: Node, __: None, x: str) -> str:
    """Noise layers are the identity outside of training."""
    return graph.add("Identity", x)


def _activated(graph: OnnxGraph, node: Activated, _: None, x: str) -> str:
    write = _ACTIVATIONS.get(type(node.activation))
    if write is None:
        raise MalignancyError(f"activation {node.activation.name} cannot be exported to ONNX")
    return write(graph, node.activation, x)


def _reshape(graph: OnnxGraph, x: str, *sizes: int) -> str:
    return graph.add("Reshape", x, np.array([0, *sizes], np.int64))  # 0: the number of rows is kept


def _named(operation: str) -> Callable[[OnnxGraph, object, str], str]:
    return lambda graph, _, x: graph.add(operation, x)


def _leaky_relu(graph: OnnxGraph, activation: LeakyReLU, x: str) -> str:
    return graph.add("Max", x, graph.add("Mul", x, activation.slope))


def _elu(graph: OnnxGraph, activation: ELU, x: str) -> str:
    return _exponential_linear(graph, x, activation.alpha, 1)


def _selu(graph: OnnxGraph, _: SELU, x: str) -> str:
    return _exponential_linear(graph, x, SELU_ALPHA, SELU_SCALE)


def _exponential_linear(graph: OnnxGraph, x: str, alpha: float, scale: float) -> str:
    """eˣ − 1 as 2 t / (1 − t), t = tanh(x/2): exact near 0 like expm1, which ONNX lacks."""
    below = graph.add("Min", x, 0)
    t = graph.add("Tanh", graph.add("Mul", below, 0.5))
    power = graph.add("Div", t, graph.add("Sub", 1, t))
    above = graph.add("Mul", graph.add("Relu", x), scale)
    return graph.add("Add", above, graph.add("Mul", power, 2 * scale * alpha))


def _swish(graph: OnnxGraph, _: Swish, x: str) -> str:
    """Swish, x · σ(x), with a composed σ.

    ONNX Runtime 1.23 fuses x · Sigmoid(x) even for dtypes without a kernel for the fused operator.
    """
    return graph.add("Mul", x, _sigmoid(graph, None, x))


def _softplus(graph: OnnxGraph, _: Softplus, x: str) -> str:
    """Softplus as max(x, 0) + log(1 + e^−|x|), without overflow."""
    decay = graph.add("Exp", graph.add("Neg", graph.add("Abs", x)))
    return graph.add("Add", graph.add("Relu", x), graph.add("Log", graph.add("Add", decay, 1)))


def _gelu(graph: OnnxGraph, _: GELU, x: str) -> str:
    """GELU as 0.5 x (1 + tanh u); the operator Gelu exists from opset 20 on only."""
    cubic = graph.add("Mul", graph.add("Mul", x, x), GELU_CUBIC)
    u = graph.add("Mul", graph.add("Mul", x, graph.add("Add", cubic, 1)), GELU_LINEAR)
    gate = graph.add("Add", graph.add("Tanh", u), 1)
    return graph.add("Mul", graph.add("Mul", x, 0.5), gate)


def _sigmoid(graph: OnnxGraph, _: None, z: str) -> str:
    """σ(z) as e^min(z, 0) / (1 + e^−|z|), which is accurate for small probabilities.

    ONNX Runtime's Sigmoid is 0 below about −18 in float32 and −37 in float64.
    """
    decay = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    share = graph.add("Exp", graph.add("Min", z, 0))
    return graph.add("Div", share, graph.add("Add", decay, 1))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_NODES: Final[Mapping[type[Node], Callable[..., str]]] = {
    Affine: _affine,
    Windowed: _windowed,
    MaxOver: _max_over,
    Normalize: _normalize,
    Add: _add,
    Activated: _activated,
    Drop: _noise,
    AlphaDrop: _noise,
    Jitter: _noise,
}
_ACTIVATIONS: Final[Mapping[type[Activation], Callable[..., str]]] = {
    Linear: _named("Identity"),
    Sigmoid: _named("Sigmoid"),
    Tanh: _named("Tanh"),
    Softmax: _named("Softmax"),
    ReLU: _named("Relu"),
    LeakyReLU: _leaky_relu,
    ELU: _elu,
    SELU: _selu,
    Swish: _swish,
    Softplus: _softplus,
    GELU: _gelu,
}
_LINKS: Final[Mapping[str, Callable[..., str]]] = {
    "linear": _named("Identity"),
    "sigmoid": _sigmoid,
    "softmax": _named("Softmax"),
}
