"""An infer request answered: tensors in, tensors out."""

from dataclasses import dataclass

from pydantic_core import to_json

from service.codecs.json.errors import printable
from service.codecs.open_inference.outputs import Output
from service.codecs.open_inference.request import InferRequest, Json, read_request
from service.problems import Problem
from service.registry.served_model import Served


@dataclass(frozen=True)
class Answer:
    """A body; header_length: of its JSON, where binary data follow it."""

    body: bytes
    header_length: int | None = None


def infer(served: Served, body: bytes, header_length: int | None, threshold: float) -> Answer:
    """The answer to a body, of which header_length bytes are JSON, or all; at this threshold,
    unless it gives another. Raises Problem (400, 422).
    """
    request = read_request(body, header_length, served.most_tensors)
    return answer(served, request, threshold)


def answer(served: Served, request: InferRequest, threshold: float) -> Answer:
    """The same to a request that was read."""
    outputs = _asked_for(served, request)
    if "threshold" in request.parameters:
        given = served.thresholds.from_json(request.parameters["threshold"])
        if given is None:
            raise Problem(400, f"The parameter threshold {served.thresholds.rule}.")
        threshold = given
    predictions = served.predict(served.input_tensors.rows(request.inputs), threshold)
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
            "model_name": served.predictor.name,
            "model_version": served.predictor.version,
            **({"id": request.identity} if request.identity is not None else {}),
            "parameters": served.thresholds.told(threshold),
            "outputs": described,
        }
    )
    if not binary:
        return Answer(header)
    return Answer(b"".join([header, *binary]), len(header))


def _asked_for(served: Served, request: InferRequest) -> list[tuple[Output, bool]]:
    """The outputs in the order they are asked for, and whether in binary."""
    every = served.output_tensors.by_name
    default = _truth(request.parameters, "binary_data_output", False)
    asked = request.outputs or {name: {} for name in every}
    outputs = []
    for name, parameters in asked.items():
        if name not in every:
            rule = f"must be one of {', '.join(every)}"
            raise Problem(400, f"Output {printable(name)} {rule}.")
        outputs.append((every[name], _truth(parameters, "binary_data", default)))
    return outputs


def _truth(parameters: Json, name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise Problem(400, f"The parameter {name} must be true or false.")
    return value
