"""Parser of infer requests: a JSON header, then binary tensor data.

Optional members may also be null, as some clients send them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from service.codecs.byte_order_mark import without_mark
from service.codecs.charge import Charge, uncharged
from service.codecs.json.limits import JsonLimits
from service.codecs.json.names import count_pairs, wrong_names
from service.codecs.open_inference.tensors import DATATYPES, Tensor
from service.problems import Problem, safe_name

MAX_ID_CHARACTERS = 256
MAX_ARRAYS = 1_000_000  # limit for nested data; clients can send flat data instead
MORE_OBJECTS = 100  # excess inputs or outputs that are still read, to report which one is wrong
# It changes where tensors are, so it is rejected. Unknown parameters are ignored, as in Triton.
_SHARED_MEMORY = "shared_memory_region"

Json = dict[str, Any]


@dataclass(frozen=True)
class InferRequest:
    """A parsed infer request.

    Attributes:
        identity: The id that the response repeats, or None.
        parameters: The request's parameters.
        inputs: The input tensors, in request order; at least one.
        outputs: Parameters of each requested output, by name; empty requests all.
    """

    identity: str | None
    parameters: Json
    inputs: list[Tensor]
    outputs: Mapping[str, Json]

    @property
    def rows(self) -> int:
        """The declared number of rows: the first dimension of the first input."""
        return self.inputs[0].shape[0]


@dataclass(frozen=True)
class RequestLimits:
    """Size limits of an infer request for one model.

    Attributes:
        inputs: Maximum number of input tensors.
        outputs: Maximum number of requested outputs.
        bounds: Limits of the JSON header.
    """

    inputs: int
    outputs: int
    bounds: JsonLimits

    @classmethod
    def for_model(
        cls, rows: int, features: int, outputs: int, in_strings: int = 0
    ) -> "RequestLimits":
        """Return the limits for a model; each value may be in a separate array.

        Args:
            rows: Maximum number of rows.
            features: Number of features of the model.
            outputs: Number of outputs of the model.
            in_strings: Number of brackets, commas and colons that the strings may have.
        """
        numbers, names = rows * features, 10 * (features + outputs)
        arrays = min(numbers, MAX_ARRAYS) + names
        bounds = JsonLimits(
            2 * numbers + names, arrays, names, objects=names, in_strings=in_strings
        )
        return cls(features, outputs, bounds)


def read_request(
    body: bytes, header_length: int | None, limits: RequestLimits, charge: Charge = uncharged
) -> InferRequest:
    """Parse the body of an infer request.

    Args:
        body: The body: a JSON header, then binary data.
        header_length: Size of the JSON header in bytes; None if the whole body is JSON.
        limits: Size limits of the request.
        charge: Called with the memory of the parsed header.

    Raises:
        Problem: 400 for a malformed request.
    """
    if header_length is not None and header_length > len(body):
        raise Problem(400, "Inference-Header-Content-Length must not exceed the body's length.")
    text = body if header_length is None else body[:header_length]
    charge(limits.bounds.require(text))
    document = read_object(text, charge)
    identity = document.get("id")
    if not isinstance(identity, str | None):
        raise Problem(400, "id must be a string.")
    if identity is not None and not (identity.isprintable() and len(identity) <= MAX_ID_CHARACTERS):
        identity = None
    binary = memoryview(body)[len(body) if header_length is None else header_length :]
    return InferRequest(
        identity,
        _parameters(document, "The request"),
        _inputs(document, binary, limits.inputs),
        _outputs(document, limits.outputs),
    )


def read_object(text: bytes, charge: Charge = uncharged) -> Json:
    """Parse a JSON object without duplicate names.

    Args:
        text: JSON text.
        charge: Called with the memory of a second parse, to find duplicate names.

    Raises:
        Problem: The text is no such object (400).
    """
    text = without_mark(text)
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, f"The body's JSON is malformed: {error}.") from None
    if not isinstance(document, dict):
        raise Problem(400, "The body must be a JSON object.")
    for path, rule in wrong_names(text, count_pairs(document), charge=charge):
        raise Problem(400, f"The name {safe_name(str(path[-1]))} {rule}.")
    return document


def _inputs(document: Json, binary: memoryview, limits: int) -> list[Tensor]:
    place = 0
    inputs = []
    for where, each in _objects(document, "inputs", limits):
        tensor = _tensor(where, each)
        size = _parameters(each, where).get("binary_data_size")
        if size is not None:
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise Problem(400, f"{where}: binary_data_size must be an integer, at least 0.")
            if each.get("data") is not None:
                raise Problem(400, f"{where} must not have both data and binary_data_size.")
            if size > len(binary) - place:
                raise Problem(400, f"{where}: there is less binary data than its size says.")
            tensor = Tensor(
                tensor.name, tensor.datatype, tensor.shape, binary[place : place + size]
            )
            place += size
        elif not isinstance(each.get("data"), list):
            raise Problem(400, f"{where} must have an array data, or binary_data_size.")
        inputs.append(tensor)
    if place != len(binary):
        raise Problem(400, "There is more binary data than the inputs' sizes say.")
    if not inputs:
        raise Problem(400, "There must be at least one input.")
    return inputs


def _tensor(where: str, document: Json) -> Tensor:
    shape, datatype = document.get("shape"), document.get("datatype")
    if not isinstance(shape, list) or not shape or any(type(each) is not int for each in shape):
        raise Problem(400, f"{where}: shape must be an array of integers.")
    if any(each < 0 for each in shape):
        raise Problem(400, f"{where}: shape must not have a negative dimension.")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise Problem(400, f"{where}: datatype must be one of {', '.join(DATATYPES)}.")
    data = document.get("data")
    return Tensor(document["name"], datatype, tuple(shape), data if isinstance(data, list) else [])


def _outputs(document: Json, limits: int) -> dict[str, Json]:
    outputs: dict[str, Json] = {}
    for where, each in _objects(document, "outputs", limits):
        if each["name"] in outputs:
            raise Problem(400, f"{where} must be given once.")
        outputs[each["name"]] = _parameters(each, where)
    return outputs


def _objects(document: Json, key: str, max_count: int) -> list[tuple[str, Json]]:
    """Return the named objects under a key, each with its label for error texts."""
    kind = key.removesuffix("s").capitalize()
    objects = [] if document.get(key) is None else document[key]
    if not isinstance(objects, list):
        raise Problem(400, f"{key} must be an array of objects.")
    if len(objects) > max_count + MORE_OBJECTS:
        raise Problem(400, f"{key} must be at most {max_count}.")
    for number, each in enumerate(objects):
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise Problem(400, f"{kind} {number} must be an object with a name.")
    return [(f"{kind} {safe_name(each['name'])}", each) for each in objects]


def _parameters(document: Json, where: str) -> Json:
    parameters = {} if document.get("parameters") is None else document["parameters"]
    if not isinstance(parameters, dict):
        raise Problem(400, f"{where}: parameters must be an object.")
    if parameters.get(_SHARED_MEMORY) is not None:
        raise Problem(400, f"{where}: the parameter {_SHARED_MEMORY} is not supported.")
    return parameters
