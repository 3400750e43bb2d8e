"""The minimal work of a server by encoding: parse, predict, write the response.

The predictor is the service's. There is no validation and no HTTP.
"""

import ctypes
import io
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from benchmarks.harness.closed_loop import Request
from model.arrays import Array
from model.prediction.predictor import Predictor


def keep_memory() -> None:
    """Keep freed memory in this process.

    Otherwise page faults take half the time of a large prediction.
    """
    library = ctypes.CDLL(None)
    for parameter in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of glibc's malloc.h
        library.mallopt(parameter, 2**30)


def _labels(predictor: Predictor, probabilities: Array) -> list[str]:
    above = probabilities > predictor.threshold
    return ["malignant" if each else "benign" for each in above.tolist()]


def _numbers(rows: Iterable[Iterable[int]], count: int) -> Array:
    # np.array(rows) takes half as long again.
    return np.fromiter(chain.from_iterable(rows), np.float64).reshape(count, -1)


def _json_response(predictor: Predictor, rows: Array) -> bytes:
    probabilities = predictor.predict(rows)[:, 0]
    pairs = zip(probabilities.tolist(), _labels(predictor, probabilities), strict=True)
    predictions = [{"probability": value, "label": label} for value, label in pairs]
    return to_json({"predictions": predictions, "model": predictor.title})


def json_arrays(predictor: Predictor, request: Request) -> bytes:
    """{"instances": [[…]]}.

    Args:
        predictor: The predictor.
        request: The request.
    """
    rows = from_json(request.body)["instances"]
    return _json_response(predictor, _numbers(rows, len(rows)))


def json_objects(predictor: Predictor, request: Request) -> bytes:
    """{"instances": [{…}]}, with the names in order.

    Args:
        predictor: The predictor.
        request: The request.
    """
    rows = from_json(request.body)["instances"]
    return _json_response(predictor, _numbers(map(dict.values, rows), len(rows)))


def csv(predictor: Predictor, request: Request) -> bytes:
    """A header and one line per row.

    Args:
        predictor: The predictor.
        request: The request.
    """
    rows = np.loadtxt(io.BytesIO(request.body), delimiter=",", skiprows=1)
    probabilities = predictor.predict(rows)[:, 0]
    pairs = zip(probabilities.tolist(), _labels(predictor, probabilities), strict=True)
    return "\n".join(f"{value!r},{label}" for value, label in pairs).encode()


def v2_json(predictor: Predictor, request: Request) -> bytes:
    """A tensor of numbers in; tensors of probabilities and labels out.

    Args:
        predictor: The predictor.
        request: The request.
    """
    rows = from_json(request.body)["inputs"][0]["data"]
    rows = _numbers(rows, len(rows))
    probabilities = predictor.predict(rows)[:, 0]
    data: list[Any] = [probabilities.tolist(), _labels(predictor, probabilities)]
    return to_json({"outputs": [{"data": each} for each in data], "model": predictor.title})


def v2_binary(predictor: Predictor, request: Request) -> bytes:
    """A binary tensor in; binary probabilities out.

    Args:
        predictor: The predictor.
        request: The request.
    """
    head = int(request.headers["Inference-Header-Content-Length"])
    rows = np.frombuffer(request.body, dtype="<f8", offset=head)
    return predictor.predict(rows.reshape(-1, len(predictor.schema.names)))[:, 0].tobytes()


def arrow(predictor: Predictor, request: Request) -> bytes:
    """A stream in; a stream of probabilities and labels out.

    Args:
        predictor: The predictor.
        request: The request.
    """
    import pyarrow

    with pyarrow.ipc.open_stream(request.body) as reader:
        columns = [column.to_numpy() for column in reader.read_all().columns]
    probabilities = predictor.predict(np.column_stack(columns).astype(np.float64))[:, 0]
    labels = pyarrow.array(_labels(predictor, probabilities))
    batch = pyarrow.record_batch({"probability": probabilities, "label": labels})
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content
