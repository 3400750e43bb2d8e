"""What no server can do without, by encoding: parse, predict, write the answer.

The predictor is the same. Nothing is checked, and there is no HTTP.
"""

import ctypes
import io
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from benchmarks.harness.closed_loop import Request
from model.arrays import Array
from model.prediction.predictor import Predictor


def keep_memory() -> None:
    """Have this process keep what it frees; else half a large prediction's time is page faults."""
    library = ctypes.CDLL(None)
    for parameter in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of glibc's malloc.h
        library.mallopt(parameter, 2**30)


def _labels(predictor: Predictor, probabilities: Array) -> list[str]:
    above = probabilities > predictor.threshold
    return ["malignant" if each else "benign" for each in above.tolist()]


def _json_answer(predictor: Predictor, rows: list[list[int]]) -> bytes:
    probabilities = predictor.predict(np.array(rows, dtype=np.float64))[:, 0]
    pairs = zip(probabilities.tolist(), _labels(predictor, probabilities), strict=True)
    predictions = [{"probability": value, "label": label} for value, label in pairs]
    return to_json({"predictions": predictions, "model": predictor.title})


def json_arrays(predictor: Predictor, request: Request) -> bytes:
    """{"instances": [[…]]}."""
    return _json_answer(predictor, from_json(request.body)["instances"])


def json_objects(predictor: Predictor, request: Request) -> bytes:
    """{"instances": [{…}]}, whose names are in order."""
    rows = [list(row.values()) for row in from_json(request.body)["instances"]]
    return _json_answer(predictor, rows)


def csv(predictor: Predictor, request: Request) -> bytes:
    """A header and a line a row."""
    rows = np.loadtxt(io.BytesIO(request.body), delimiter=",", skiprows=1)
    probabilities = predictor.predict(rows)[:, 0]
    pairs = zip(probabilities.tolist(), _labels(predictor, probabilities), strict=True)
    return "\n".join(f"{value!r},{label}" for value, label in pairs).encode()


def v2_json(predictor: Predictor, request: Request) -> bytes:
    """One tensor of numbers in, a tensor of probabilities and one of labels out."""
    rows = np.array(from_json(request.body)["inputs"][0]["data"], dtype=np.float64)
    probabilities = predictor.predict(rows)[:, 0]
    data: list[Any] = [probabilities.tolist(), _labels(predictor, probabilities)]
    return to_json({"outputs": [{"data": each} for each in data], "model": predictor.title})


def v2_binary(predictor: Predictor, request: Request) -> bytes:
    """The tensor's bytes in, the probabilities' out."""
    head = int(request.headers["Inference-Header-Content-Length"])
    rows = np.frombuffer(request.body, dtype="<f8", offset=head)
    return predictor.predict(rows.reshape(-1, len(predictor.schema.names)))[:, 0].tobytes()


def arrow(predictor: Predictor, request: Request) -> bytes:
    """A stream in, a stream of probabilities and labels out."""
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
