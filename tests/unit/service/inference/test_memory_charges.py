"""The memory that a large JSON or tensor request takes is charged, before it is taken."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from model.prediction.predictor import Predictor
from service.codecs.charge import Charge
from service.inference.instances import predict_json
from service.inference.mlflow import predict_mlflow
from service.inference.open_inference import infer
from service.inference.response_spool import ResponseSpool
from service.inference.streaming import CHUNK_BYTES, TableScorer
from service.inference.tables import _reader, _writer
from service.overload.memory import MemoryLedger
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.settings import Settings

ROWS = 6000
ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]
FLOATS = [5.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0, 1.0, 1.0]
SLACK_BYTES = 3 * 2**18  # of the model's own arrays, and of what is constant
# An estimate must not be so high that few requests fit.
MAX_RATIO = 8


@pytest.fixture(scope="module")
def version(predictor: Predictor) -> ModelVersion:
    return ModelVersion(predictor, Settings())


def peak_of(work: Callable[[Charge], Any]) -> tuple[int, int]:
    """Return the peak of the allocated memory, and the peak of what was charged."""
    charged = most = 0

    def charge(size: int) -> None:
        nonlocal charged, most
        charged += size
        most = max(most, charged)

    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work(charge)
        _, peak = tracemalloc.get_traced_memory()
    except Problem:
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before, most


def check(work: Callable[[Charge], Any], max_ratio: float = MAX_RATIO) -> None:
    peak, charged = peak_of(work)
    assert peak <= charged + SLACK_BYTES
    assert charged <= max_ratio * peak + SLACK_BYTES


def rows(kind: str, names: tuple[str, ...]) -> list[Any]:
    row = {"objects": dict(zip(names, ROW, strict=True)), "arrays": ROW, "floats": FLOATS}[kind]
    return [row] * ROWS


@pytest.mark.parametrize("kind", ["objects", "arrays", "floats"])
@pytest.mark.parametrize(
    "frame",
    [
        '{"instances":%s}',
        '{"\\u0069nstances":%s}',  # is parsed as a whole
        '{"instances":%s, "instances":[[]]}',  # is parsed twice
        '{"instances":%s}]',
        '{"instances":[%s, NaN]}',
    ],
)
def test_instances(version: ModelVersion, kind: str, frame: str) -> None:
    names = version.predictor.schema.names
    body = (frame % json.dumps(rows(kind, names))).encode()
    check(lambda charge: predict_json(version, body, 0.5, charge))


def test_mixed_rows(version: ModelVersion) -> None:
    names = version.predictor.schema.names
    mixed = [*rows("objects", names), *rows("floats", names)]
    body = json.dumps({"instances": mixed}).encode()
    check(lambda charge: predict_json(version, body, 0.5, charge))


@pytest.mark.parametrize(
    "text",
    [
        ",".join(["[]"] * 30_000),
        ",".join(["[1]"] * 30_000),
        ",".join(["{}"] * 30_000),
        ",".join(['{"a":1}'] * 30_000),
        ",".join(['"ab"'] * 30_000),
        ",".join(f'"{each:x}"' for each in range(30_000)),
        "{" + ",".join(f'"{each:x}":1' for each in range(30_000)) + "}",
        ",".join(f'{{"{each:x}":1}}' for each in range(30_000)),
        ",".join(['"' + "x" * 1000 + '"'] * 1000),
        ",".join(['"' + "x" * 1000 + '😀"'] * 1000),
        ",".join(['"' + "x" * 1000 + '\\ud83d\\ude00"'] * 1000),
        ",".join(['"' + "é" * 1000 + '"'] * 1000),
        ",".join(['"' + "я" * 1000 + '"'] * 1000),
        ",".join(["5" * 30] * 30_000),
    ],
    ids=range(14),
)
@pytest.mark.parametrize("frame", ['{"instances":[%s]}', '{"dataframe_records":[%s]}'])
def test_hostile_values(version: ModelVersion, text: str, frame: str) -> None:
    body = (frame % text).encode()
    predict = predict_json if "instances" in frame else predict_mlflow
    check(lambda charge: predict(version, body, 0.5, charge), max_ratio=40)


@pytest.mark.parametrize("kind", ["objects", "arrays", "floats"])
@pytest.mark.parametrize("format_", ["inputs", "instances", "dataframe_records"])
@pytest.mark.parametrize("nan", [True, False])
def test_mlflow(version: ModelVersion, kind: str, format_: str, nan: bool) -> None:
    given = rows(kind, version.predictor.schema.names)
    if nan and kind == "objects":
        given = [*given[1:], {**given[0], "bare_nuclei": float("nan")}]
    body = json.dumps({format_: given}).encode()
    check(lambda charge: predict_mlflow(version, body, 0.5, charge))


def test_mlflow_split(version: ModelVersion) -> None:
    names = version.predictor.schema.names
    split = {"columns": names, "index": list(range(ROWS)), "data": rows("floats", names)}
    body = json.dumps({"dataframe_split": split}).encode()
    check(lambda charge: predict_mlflow(version, body, 0.5, charge))


def infer_request(**tensor: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "input", "shape": [ROWS, 9], **tensor}]}


@pytest.mark.parametrize(
    "tensor",
    [
        {"datatype": "FP64", "data": FLOATS * ROWS},
        {"datatype": "INT64", "data": ROW * ROWS},
        {"datatype": "FP32", "data": [FLOATS] * ROWS},
    ],
    ids=["flat", "integers", "nested"],
)
@pytest.mark.parametrize("binary", [True, False])
def test_tensors(version: ModelVersion, tensor: dict[str, Any], binary: bool) -> None:
    request = {**infer_request(**tensor), "parameters": {"binary_data_output": binary}}
    body = json.dumps(request).encode()
    check(lambda charge: infer(version, body, None, 0.5, charge))


@pytest.mark.parametrize("columns", [False, True])
def test_binary_tensors(version: ModelVersion, columns: bool) -> None:
    if columns:
        inputs = [
            {
                "name": name,
                "shape": [ROWS, 1],
                "datatype": "INT8",
                "parameters": {"binary_data_size": ROWS},
            }
            for name in version.predictor.schema.names
        ]
        header, data = {"inputs": inputs}, b"\1" * ROWS * 9
    else:
        size = {"binary_data_size": ROWS * 9}
        header, data = infer_request(datatype="INT8", parameters=size), bytes(ROW) * ROWS
    text = json.dumps(header).encode()
    check(lambda charge: infer(version, text + data, len(text), 0.5, charge), max_ratio=12)


CSV, NDJSON, ARROW = "text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream"


def csv_of(version: ModelVersion, line: str) -> bytes:
    return f"{','.join(version.predictor.schema.names)}\n".encode() + repeated(line)


def repeated(line: str) -> bytes:
    """Return a table's lines: a chunk and a half, unless these are more than ROWS lines."""
    return line.encode() * min(ROWS, 3 * CHUNK_BYTES // 2 // len(line))


def table_charges(version: ModelVersion, kind: str, answer: str, body: bytes) -> None:
    """Check the charges for each chunk of a table, and for what is held between two chunks."""
    reader = _reader(kind, version, Settings(), has_header=True)
    with ResponseSpool(MemoryLedger(1 << 30)) as spool:
        scorer = TableScorer(
            version, 0.5, _writer(answer, version, 0.5, mark=True), spool, mark=True
        )
        tracemalloc.start()
        start, _ = tracemalloc.get_traced_memory()
        try:
            held = 0
            for place in range(0, len(body), CHUNK_BYTES):
                charged = 0

                most = 0

                def charge(size: int) -> None:
                    nonlocal charged, most
                    charged += size
                    most = max(most, charged)

                chunk = body[place : place + CHUNK_BYTES]
                tracemalloc.reset_peak()
                scorer.add(reader.feed(chunk, charge), charge)
                now, peak = tracemalloc.get_traced_memory()
                assert peak - start <= held + most + len(chunk) + SLACK_BYTES
                held = reader.held_bytes + scorer.held_bytes
                assert now - start <= held + len(chunk) + SLACK_BYTES
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("answer", [CSV, NDJSON, "application/json"])
@pytest.mark.parametrize(
    "line",
    [
        "5,1,1,1,2,1,3,1,1\n",
        "5.25,1.5,1.25,1.5,2.5,1.5,3.5,1.5,1.5\n",
        "55,55,55,55,55,55,55,55,55\n",
        ",,,,,,,,\n",
        "5\n",
        '"5","1","1","1","2","1","3","1","1"\n',
        "5,1,1,1,2,,3,1,1\n",
    ],
    ids=["integers", "numbers", "out of range", "empty", "short", "quoted", "missing"],
)
def test_csv(version: ModelVersion, line: str, answer: str) -> None:
    table_charges(version, CSV, answer, csv_of(version, line))


@pytest.mark.parametrize(
    "line",
    ["{}", '{"a":1}', "[]", "[5,1,1,1,2,1,3,1,1]", "[55,55,55,55,55,55,55,55,55]", "1", "{"],
)
@pytest.mark.parametrize("answer", [CSV, NDJSON])
def test_ndjson(version: ModelVersion, line: str, answer: str) -> None:
    table_charges(version, NDJSON, answer, repeated(f"{line}\n"))


def test_ndjson_of_objects(version: ModelVersion) -> None:
    for row in (ROW, [55] * 9, FLOATS):
        line = json.dumps(dict(zip(version.predictor.schema.names, row, strict=True)))
        table_charges(version, NDJSON, NDJSON, f"{line}\n".encode() * ROWS)


def arrow_stream(pa: Any, columns: dict[str, Any], rows_per_batch: int) -> bytes:
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, rows_per_batch)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("rows_per_batch", [100, ROWS])
def test_arrow(version: ModelVersion, rows_per_batch: int) -> None:
    pa = pytest.importorskip("pyarrow")
    names = version.predictor.schema.names
    columns = {name: [value] * ROWS for name, value in zip(names, FLOATS, strict=True)}
    table_charges(version, ARROW, ARROW, arrow_stream(pa, columns, rows_per_batch))


def test_arrow_dictionaries(kinds: Predictor) -> None:
    pa = pytest.importorskip("pyarrow")
    texts = [f"{number:x}" for number in range(ROWS)]  # none is a category
    columns = {
        "size": [1.0] * ROWS,
        "colour": pa.array(texts).dictionary_encode(),
        "score": [5] * ROWS,
    }
    version = ModelVersion(kinds, Settings())
    table_charges(version, ARROW, ARROW, arrow_stream(pa, columns, ROWS))
