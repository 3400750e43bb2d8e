"""An infer request answered: tensors in, tensors out."""

from dataclasses import dataclass

from pydantic_core import to_json

from service.codecs.json.errors import safe_name
from service.codecs.open_inference.outputs import Output
from service.codecs.open_inference.request import InferRequest, Json, read_request
from service.problems import Problem
from service.registry.model_version import ModelVersion


@dataclass(frozen=True)
class InferResponse:
    """A body; header_length: of its JSON, where binary data follow it."""

    body: bytes
    header_length: int | None = None


def infer(
    model_version: ModelVersion, body: bytes, header_length: int | None, threshold: float
) -> InferResponse:
    """The answer to a body, of which header_length bytes are JSON, or all; at this threshold,
    unless it gives another. Raises Problem (400, 422).
    """
    request = read_request(body, header_length, model_version.tensor_limits)
    return respond(model_version, request, threshold)


def respond(model_version: ModelVersion, request: InferRequest, threshold: float) -> InferResponse:
    """The same to a request that was read."""
    outputs = _asked_for(model_version, request)
    if "threshold" in request.parameters:
        given = model_version.thresholds.from_json(request.parameters["threshold"])
        if given is None:
            raise Problem(400, f"The parameter threshold {model_version.thresholds.rule}.")
        threshold = given
    predictions = model_version.predict_and_count(
        model_version.input_tensors.rows(request.inputs), threshold
    )
    described: list[Json] = []
    binary: list[bytes] = []
    for output, as_binary in outputs:
        values = output.compute(predictions, threshold)
        told: Json = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(values.shape),
        }
        if as_binary:
            binary.append(output.as_bytes(values))
            told["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            told["data"] = output.as_json(values)
        described.append(told)
    header = to_json(
        {
            "model_name": model_version.predictor.name,
            "model_version": model_version.predictor.version,
            **({"id": request.identity} if request.identity is not None else {}),
            "parameters": model_version.thresholds.as_fields(threshold),
            "outputs": described,
        }
    )
    if not binary:
        return InferResponse(header)
    return InferResponse(b"".join([header, *binary]), len(header))


def _asked_for(model_version: ModelVersion, request: InferRequest) -> list[tuple[Output, bool]]:
    """The outputs in the order they are asked for, and whether in binary."""
    every = model_version.output_tensors.by_name
    default = _truth(request.parameters, "binary_data_output", False)
    asked = request.outputs or {name: {} for name in every}
    outputs = []
    for name, parameters in asked.items():
        if name not in every:
            rule = f"must be one of {', '.join(every)}"
            raise Problem(400, f"Output {safe_name(name)} {rule}.")
        outputs.append((every[name], _truth(parameters, "binary_data", default)))
    return outputs


def _truth(parameters: Json, name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise Problem(400, f"The parameter {name} must be true or false.")
    return value
