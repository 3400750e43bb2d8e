"""Arrow streams for tests, and a function that posts them."""

import importlib
import io
from typing import Any

import httpx
import numpy as np
import pytest

pa: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

TYPE = "application/vnd.apache.arrow.stream"
ARROW = {"Content-Type": TYPE}
NAMES = (
    "clump_thickness uniformity_of_cell_size uniformity_of_cell_shape marginal_adhesion "
    "single_epithelial_cell_size bare_nuclei bland_chromatin normal_nucleoli mitoses"
).split()


def stream(table: Any, **options: Any) -> bytes:
    rows = options.pop("rows", None)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, rows)
    return sink.getvalue()


def scores(rows: int, kind: Any = None) -> Any:
    drawn = np.random.default_rng(0).integers(1, 11, (9, rows))
    return pa.table({name: pa.array(each, kind) for name, each in zip(NAMES, drawn, strict=True)})


async def post(client: httpx.AsyncClient, body: bytes, query: str = "") -> httpx.Response:
    return await client.post(f"/predict{query}", content=body, headers=ARROW)


def arrow_file(table: Any, **options: Any) -> bytes:
    rows = options.pop("rows", None)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, rows)
    return sink.getvalue()


def parquet(table: Any, **options: Any) -> bytes:
    sink = io.BytesIO()
    importlib.import_module("pyarrow.parquet").write_table(table, sink, **options)
    return sink.getvalue()
