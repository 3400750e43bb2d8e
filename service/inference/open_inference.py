"""Answer an infer request of the Open Inference Protocol: tensors in, tensors out."""

from collections.abc import Mapping

from pydantic_core import to_json

from model.prediction.row_facts import SEPARATOR
from service.codecs.charge import Charge, uncharged
from service.codecs.open_inference.classification import Classification
from service.codecs.open_inference.fact_outputs import FactOutput
from service.codecs.open_inference.outputs import Output
from service.codecs.open_inference.request import InferRequest, Json, read_request
from service.inference.answer import Answer
from service.problems import Problem, safe_name
from service.registry.model_version import ModelVersion

AnyOutput = Output | Classification | FactOutput

COPIES = 4  # of the texts of facts, while they are encoded
HEADER_LENGTH = b"inference-header-content-length"
BINARY = b"application/octet-stream"


def infer(
    model_version: ModelVersion,
    body: bytes,
    header_length: int | None,
    threshold: float,
    charge: Charge = uncharged,
) -> Answer:
    """Parse and answer an infer request.

    Args:
        model_version: The model that predicts.
        body: The request body: JSON text, then binary data.
        header_length: The bytes of the JSON text; None if the body has no binary data.
        threshold: Decision threshold, unless the request has the parameter `threshold`.
        charge: Called with the memory of tensors and answer.

    Returns:
        The answer.

    Raises:
        Problem: The request is malformed or invalid (400), or predictions are not finite (422).
    """
    request = read_request(body, header_length, model_version.tensor_limits, charge)
    facts = model_version.encoder.facts
    fact_outputs = {name: FactOutput(name) for name in facts.names}
    outputs = _requested_outputs(model_version, request, fact_outputs)
    wanted = request.parameters.get("threshold")
    if wanted is not None:
        given = model_version.thresholds.from_json(wanted)
        if given is None:
            raise Problem(400, f"The parameter threshold {model_version.thresholds.rule}.")
        threshold = given
    rows = model_version.input_tensors.rows(request.inputs, charge)
    charge(2 * 8 * len(rows) * model_version.outputs)
    predictions = model_version.predict(rows)
    if not fact_outputs.keys().isdisjoint(request.outputs):
        charge(COPIES * facts.memory_bytes(rows))
        for name, features in facts.find(rows).items():
            fact_outputs[name].fill(features, len(rows))
    recording = model_version.begin_recording(threshold)
    answer_id = None
    if recording is not None:
        recording.add(rows, predictions)
        answer_id = recording.id
    parameters = dict(model_version.facts(threshold, answer_id).fields)
    for name, names in facts.summary(rows).items():
        parameters[name] = SEPARATOR.join(names)
    tensors: list[Json] = []
    binary: list[bytes] = []
    for output, as_binary in outputs:
        charge(len(predictions) * output.row_bytes)
        values = output.compute(predictions, threshold)
        tensor: Json = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(values.shape),
        }
        if as_binary:
            binary.append(output.as_bytes(values))
            tensor["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            tensor["data"] = output.as_json(values)
        tensors.append(tensor)
    header = to_json(
        {
            "model_name": model_version.predictor.name,
            "model_version": model_version.predictor.version,
            **({"id": request.identity} if request.identity is not None else {}),
            "parameters": parameters,
            "outputs": tensors,
        }
    )
    labels = model_version.predictor.schema.target.tally(predictions, threshold)
    if not binary:
        return Answer([header], len(predictions), labels, recording=recording)
    return Answer(
        [header, *binary],
        len(predictions),
        labels,
        BINARY,
        [(HEADER_LENGTH, b"%d" % len(header))],
        recording,
    )


def max_tensor_rows(body: bytes, header_length: int | None) -> int:
    """Return an upper limit of the rows of an infer request.

    Args:
        body: The request body: JSON text, then binary data.
        header_length: The bytes of the JSON text; None if the body has no binary data.
    """
    binary = 0 if header_length is None else max(0, len(body) - header_length)
    return body.count(b",") + 1 + binary


def _requested_outputs(
    model_version: ModelVersion, request: InferRequest, facts: Mapping[str, FactOutput]
) -> list[tuple[AnyOutput, bool]]:
    """Return the requested outputs in order, each with whether its data are binary.

    Args:
        model_version: The model that predicts.
        request: The request.
        facts: Further outputs, which a request has to name.
    """
    known = model_version.output_tensors.by_name
    default = _boolean(request.parameters, "binary_data_output", False)
    requested = request.outputs or {name: {} for name in known}
    outputs: list[tuple[AnyOutput, bool]] = []
    for name, parameters in requested.items():
        if name not in known and name not in facts:
            rule = f"must be one of {', '.join((*known, *facts))}"
            raise Problem(400, f"Output {safe_name(name)} {rule}.")
        output: AnyOutput = known[name] if name in known else facts[name]
        if classes := _class_count(parameters):
            if name not in known or not known[name].columns:
                raise Problem(400, f"Output {name} has no values to classify.")
            output = Classification(known[name], classes)
        outputs.append((output, _boolean(parameters, "binary_data", default)))
    return outputs


def _boolean(parameters: Json, name: str, default: bool) -> bool:
    value = parameters.get(name)
    if not isinstance(value, bool | None):
        raise Problem(400, f"The parameter {name} must be true or false.")
    return default if value is None else value


def _class_count(parameters: Json) -> int:
    """Return the parameter `classification`: the number of classes to list; 0 for none."""
    value = parameters.get("classification")
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise Problem(400, "The parameter classification must be an integer, at least 0.")
    return value
