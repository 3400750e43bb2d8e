"""The body of an infer request: its JSON header taken apart, and the binary data behind it.

What may be left out may be null as well, as some clients write it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from service.codecs.json.errors import safe_name
from service.codecs.json.limits import JsonLimits, has_duplicate_names, has_escaped_colon
from service.codecs.open_inference.tensors import DATATYPES, Tensor
from service.problems import Problem

MAX_ID_CHARACTERS = 256
MAX_ARRAYS = 1_000_000  # in the data of a request, that may as well be flat
MORE_OBJECTS = 100  # than there can be good ones are looked at, to say what is wrong with one
# What would be answered or read otherwise than asked for, if it were passed over.
_NOT_SUPPORTED = ("classification", "shared_memory_region")

Json = dict[str, Any]


@dataclass(frozen=True)
class InferRequest:
    """What is asked for. outputs: the parameters of each output that is named, by its name.

    identity: what the answer tells as id, or None.
    """

    identity: str | None
    parameters: Json
    inputs: list[Tensor]
    outputs: Mapping[str, Json]

    @property
    def rows(self) -> int:
        """How many rows it says it has."""
        return self.inputs[0].shape[0]


@dataclass(frozen=True)
class RequestLimits:
    """What a request for a model may hold at most: inputs, outputs, and bounds of its JSON."""

    inputs: int
    outputs: int
    bounds: JsonLimits

    @classmethod
    def for_model(cls, rows: int, features: int, outputs: int) -> "RequestLimits":
        """For so many rows, each value perhaps in an array of its own."""
        numbers, names = rows * features, 10 * (features + outputs)
        arrays = min(numbers, MAX_ARRAYS) + names
        bounds = JsonLimits(2 * numbers + names, arrays, names, objects=names)
        return cls(features, outputs, bounds)


def read_request(body: bytes, header_length: int | None, limits: RequestLimits) -> InferRequest:
    """A request's body, whose JSON has this many bytes, or is all of it. Raises Problem (400)."""
    if header_length is not None and header_length > len(body):
        raise Problem(400, "Inference-Header-Content-Length must not exceed the body's length.")
    text = body if header_length is None else body[:header_length]
    limits.bounds.require(text)
    told = read_object(text)
    identity = told.get("id")
    if not isinstance(identity, str | None):
        raise Problem(400, "id must be a string.")
    if identity is not None and not (identity.isprintable() and len(identity) <= MAX_ID_CHARACTERS):
        identity = None
    binary = memoryview(body)[len(body) if header_length is None else header_length :]
    return InferRequest(
        identity,
        _parameters(told, "The request"),
        _inputs(told, binary, limits.inputs),
        _outputs(told, limits.outputs),
    )


def read_object(text: bytes) -> Json:
    """A JSON object, in which no name is given twice. Raises Problem (400)."""
    try:
        told = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, f"The body's JSON is malformed: {error}.") from None
    if not isinstance(told, dict):
        raise Problem(400, "The body must be a JSON object.")
    if text.count(b":") != _colons(told) or has_escaped_colon(text):
        twice = has_duplicate_names(text)
        if twice is not None:
            raise Problem(400, f"The name {safe_name(twice)} is given twice.")
    return told


def _colons(told: Any) -> int:
    """How many colons the text of this has; those in data, that hold none if they are good, are
    not counted.
    """
    count, stack = 0, [told]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            count += len(each) + sum(name.count(":") for name in each)
            stack += (value for name, value in each.items() if name != "data")
        elif isinstance(each, list):
            stack += each
        elif isinstance(each, str):
            count += each.count(":")
    return count


def _inputs(told: Json, binary: memoryview, limits: int) -> list[Tensor]:
    place = 0
    inputs = []
    for where, each in _objects(told, "inputs", limits):
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


def _tensor(where: str, told: Json) -> Tensor:
    shape, datatype = told.get("shape"), told.get("datatype")
    if not isinstance(shape, list) or not shape or any(type(each) is not int for each in shape):
        raise Problem(400, f"{where}: shape must be an array of integers.")
    if any(each < 0 for each in shape):
        raise Problem(400, f"{where}: shape must not have a negative dimension.")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise Problem(400, f"{where}: datatype must be one of {', '.join(DATATYPES)}.")
    data = told.get("data")
    return Tensor(told["name"], datatype, tuple(shape), data if isinstance(data, list) else [])


def _outputs(told: Json, limits: int) -> dict[str, Json]:
    outputs: dict[str, Json] = {}
    for where, each in _objects(told, "outputs", limits):
        if each["name"] in outputs:
            raise Problem(400, f"{where} must be given once.")
        outputs[each["name"]] = _parameters(each, where)
    return outputs


def _objects(told: Json, key: str, most: int) -> list[tuple[str, Json]]:
    """Named objects, each with the words for it in an error."""
    kind = key.removesuffix("s").capitalize()
    objects = [] if told.get(key) is None else told[key]
    if not isinstance(objects, list):
        raise Problem(400, f"{key} must be an array of objects.")
    if len(objects) > most + MORE_OBJECTS:
        raise Problem(400, f"{key} must be at most {most}.")
    for number, each in enumerate(objects):
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise Problem(400, f"{kind} {number} must be an object with a name.")
    return [(f"{kind} {safe_name(each['name'])}", each) for each in objects]


def _parameters(told: Json, where: str) -> Json:
    parameters = {} if told.get("parameters") is None else told["parameters"]
    if not isinstance(parameters, dict):
        raise Problem(400, f"{where}: parameters must be an object.")
    for name in _NOT_SUPPORTED:
        if name in parameters:
            raise Problem(400, f"{where}: the parameter {name} is not supported.")
    return parameters
