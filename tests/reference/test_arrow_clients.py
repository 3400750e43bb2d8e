"""Tables that polars, DuckDB and pandas write by themselves, in every format of pyarrow."""

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.arrow_streams import pa

pytestmark = pytest.mark.anyio

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
ROWS = [
    {"size": 0.5, "colour": "grün", "smokes": True, "score": 3},
    {"size": 2.5, "colour": None, "smokes": None, "score": 10},
    {"size": 3.0, "colour": "red", "smokes": False, "score": 1},
]


async def send(client: httpx.AsyncClient, media_type: str, body: bytes) -> httpx.Response:
    """Send a table with ids, and check its answer; return the answer in the type of the body."""
    headers = {"Content-Type": media_type}
    expected = await client.post("/predict", json={"instances": ROWS})
    found = await client.post(
        "/predict", content=body, headers={**headers, "Accept": "application/x-ndjson"}
    )
    assert found.status_code == 200, found.text
    lines = httpx.Response(200, text=f"[{','.join(found.text.splitlines())}]").json()
    for number, (line, answer) in enumerate(
        zip(lines, expected.json()["predictions"], strict=True)
    ):
        assert line["id"] == number + 1
        assert line | answer == line
    answer = await client.post("/predict", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("colour", ["String", "Categorical"])
async def test_polars(kinds_client: httpx.AsyncClient, colour: str) -> None:
    pl: Any = pytest.importorskip("polars", reason="polars is not installed")
    frame = pl.DataFrame(ROWS).with_columns(
        pl.col("colour").cast(getattr(pl, colour)),
        pl.col("score").cast(pl.Int8),
        pl.Series("id", [1, 2, 3]),
    )
    for media_type, write, read in (
        (STREAM, frame.write_ipc_stream, pl.read_ipc_stream),
        (FILE, frame.write_ipc, pl.read_ipc),
        (PARQUET, frame.write_parquet, pl.read_parquet),
    ):
        body = io.BytesIO()
        write(body)
        answer = await send(kinds_client, media_type, body.getvalue())
        assert read(io.BytesIO(answer.content))["id"].to_list() == [1, 2, 3]


async def test_duckdb(kinds_client: httpx.AsyncClient, tmp_path: Path) -> None:
    duckdb: Any = pytest.importorskip("duckdb", reason="duckdb is not installed")
    table = duckdb.sql(
        """select * from (values
            (0.5, 'grün', true, 3::hugeint, 1), (2.5, null, null, 10, 2), (3.0, 'red', false, 1, 3)
        ) as rows(size, colour, smokes, score, id)"""
    )
    arrow = table.arrow()
    arrow = arrow.read_all() if hasattr(arrow, "read_all") else arrow
    assert pa.types.is_decimal(arrow.schema.field("size").type)
    body = io.BytesIO()
    with pa.ipc.new_stream(body, arrow.schema) as writer:
        writer.write_table(arrow)
    await send(kinds_client, STREAM, body.getvalue())
    path = tmp_path / "rows.parquet"
    table.write_parquet(str(path))
    answer = await send(kinds_client, PARQUET, path.read_bytes())
    path.write_bytes(answer.content)
    assert duckdb.sql(f"select id from '{path}'").fetchall() == [(1,), (2,), (3,)]


async def test_pandas(kinds_client: httpx.AsyncClient) -> None:
    pd: Any = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pd.DataFrame(ROWS).astype({"score": "category", "colour": "category"})
    frame.index = pd.Index([1, 2, 3], name="id")
    body = io.BytesIO()
    frame.to_parquet(body)
    answer = await send(kinds_client, PARQUET, body.getvalue())
    assert pd.read_parquet(io.BytesIO(answer.content))["id"].tolist() == [1, 2, 3]
    body = io.BytesIO()
    frame.reset_index().to_feather(body)
    await send(kinds_client, FILE, body.getvalue())
