"""service/codecs/answer_facts.py: the same rows get the same answers and facts in every format."""

import csv
import importlib.util
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

ARROW = "application/vnd.apache.arrow.stream"
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "size": st.floats(0, 1e6).map(abs) | st.integers(0, 9),
            "colour": st.sampled_from(["red", "dark blue", "grün", None]),
            "smokes": st.booleans() | st.none(),
            "score": st.integers(1, 10),
        }
    ),
    max_size=20,
)
Rows = list[dict[str, Any]]
# Rows to one object a row, as `predictions` of JSON has it, and the facts of the answer.
Answered = tuple[Rows, dict[str, Any]]
Predict = Callable[[httpx.AsyncClient, Predictor, Rows, str], Awaitable[Answered]]


@pytest.fixture
async def served(kinds: Predictor) -> AsyncIterator[tuple[httpx.AsyncClient, Predictor]]:
    predictor = replace(kinds, name="kinds", version="0123456789abcdef" * 4)
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client, predictor


async def post(
    client: httpx.AsyncClient, path: str, body: Any, kind: str = "", accept: str = ""
) -> httpx.Response:
    headers = {name: value for name, value in (("Content-Type", kind), ("Accept", accept)) if value}
    content = {"content": body} if kind else {"json": body}
    answer = await client.post(path, headers=headers, **content)
    assert answer.status_code == 200, answer.text
    return answer


def in_columns(predictor: Predictor, columns: dict[str, list[Any]]) -> Rows:
    """Return rows like those of JSON, from the columns of a table."""
    target, rows = predictor.schema.target, []
    for values in zip(*columns.values(), strict=True):
        cells = dict(zip(columns, values, strict=True))
        row: dict[str, Any] = {}
        if target.task == "binary":
            row = {name: cells[name] for name in ("probability", "label", "decision")}
            row["probability"] = float(row["probability"])
        elif target.task == "multi_class":
            names = target.names
            probabilities = {name: float(cells[f"probability_{name}"]) for name in names}
            row = {"label": cells["label"], "probabilities": probabilities}
        elif target.task == "multi_label":
            row["labels"] = [n for n in target.names if str(cells[f"predicted_{n}"]) == "True"]
            row["probabilities"] = {n: float(cells[f"probability_{n}"]) for n in target.names}
        else:
            numbers = {name: float(cells[f"predicted_{name}"]) for name in target.names}
            (one, *more) = numbers.values()
            row = {"values": numbers} if more else {"value": one}
        if imputed := cells["imputed"]:
            row["imputed"] = imputed.split(";") if isinstance(imputed, str) else imputed
        rows.append(row)
    return rows


async def by_csv(
    client: httpx.AsyncClient, predictor: Predictor, rows: Rows, query: str
) -> tuple[Rows, dict[str, Any]]:
    text = io.StringIO()
    writer = csv.DictWriter(text, predictor.schema.names)
    writer.writeheader()
    writer.writerows(rows)
    answer = await post(client, f"/predict{query}", text.getvalue().encode(), "text/csv")
    header, *cells = csv.reader(io.StringIO(answer.text))
    columns = [list(column) for column in zip(*cells, strict=True)] or [[] for _ in header]
    facts: dict[str, Any] = {"model": answer.headers["malignancy-model"]}
    if "malignancy-threshold" in answer.headers:
        facts["threshold"] = float(answer.headers["malignancy-threshold"])
    return in_columns(predictor, dict(zip(header, columns, strict=True))), facts


async def by_ndjson(
    client: httpx.AsyncClient, _: Predictor, rows: Rows, query: str
) -> tuple[Rows, dict[str, Any]]:
    body = "".join(json.dumps(row) + "\n" for row in rows)
    answer = await post(client, f"/predict{query}", body, "application/x-ndjson")
    found = [json.loads(line) for line in answer.text.splitlines()]
    for row, given_row in zip(found, rows, strict=True):
        assert row == (await post(client, f"/predict{query}", given_row)).json()
    facts = {name: found[0].get(name) for name in ("threshold", "model")} if found else {}
    named = {name: fact for name, fact in facts.items() if fact is not None}
    return [{n: v for n, v in row.items() if n not in facts} for row in found], named


async def by_arrow(
    client: httpx.AsyncClient, predictor: Predictor, rows: Rows, query: str
) -> tuple[Rows, dict[str, Any]]:
    import pyarrow as pa

    kinds = {"category": pa.string(), "boolean": pa.bool_()}
    columns = {
        each.name: pa.array([row[each.name] for row in rows], kinds.get(each.type, pa.float64()))
        for each in predictor.schema.features
    }
    table, sink = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    answer = await post(client, f"/predict{query}", sink.getvalue(), ARROW)
    found = pa.ipc.open_stream(answer.content).read_all()
    facts = {name.decode(): text.decode() for name, text in found.schema.metadata.items()}
    if "threshold" in facts:
        facts["threshold"] = float(facts["threshold"])
    return in_columns(predictor, found.to_pydict()), facts


async def by_mlflow(
    client: httpx.AsyncClient, predictor: Predictor, rows: Rows, query: str
) -> tuple[Rows, dict[str, Any]]:
    names = list(predictor.schema.names)
    split = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
    answer = (await post(client, f"/invocations{query}", {"dataframe_split": split})).json()
    return answer.pop("predictions"), answer


FORMATS = {"csv": by_csv, "ndjson": by_ndjson, "mlflow": by_mlflow}
if importlib.util.find_spec("pyarrow"):
    FORMATS["arrow"] = by_arrow


@pytest.mark.parametrize("predict", FORMATS.values(), ids=FORMATS)
@given(rows=ROWS, threshold=st.none() | st.floats(0, 1).map(abs))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
async def test_every_format_has_the_same_facts(
    served: tuple[httpx.AsyncClient, Predictor],
    predict: Predict,
    rows: Rows,
    threshold: float | None,
) -> None:
    client, predictor = served
    has_threshold = threshold is not None and predictor.operating_points
    query = f"?threshold={threshold!r}" if has_threshold else ""
    expected = (await post(client, f"/predict{query}", {"instances": rows})).json()
    predictions = expected.pop("predictions")
    found, facts = await predict(client, predictor, rows, query)
    assert found == predictions
    if rows or predict is not by_ndjson:
        assert facts == expected


@given(rows=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
async def test_tensors_have_the_same_facts(
    served: tuple[httpx.AsyncClient, Predictor], rows: Rows
) -> None:
    client, predictor = served
    expected = (await post(client, "/predict", {"instances": rows})).json()
    predictions = expected.pop("predictions")
    kinds = {"category": "BYTES", "boolean": "BOOL"}
    inputs = [
        {
            "name": each.name,
            "datatype": kinds.get(each.type, "FP64"),
            "shape": [len(rows), 1],
            "data": [row[each.name] for row in rows],
        }
        for each in predictor.schema.features
    ]
    path = "/v2/models/kinds/infer"
    usual = (await post(client, path, {"inputs": inputs})).json()
    assert "imputed" not in [each["name"] for each in usual["outputs"]]
    answer = (await post(client, path, {"inputs": inputs, "outputs": [{"name": "imputed"}]})).json()
    (imputed,) = answer["outputs"]
    texts = [";".join(each.get("imputed", [])) for each in predictions]
    assert (imputed["datatype"], imputed["shape"]) == ("BYTES", [len(rows), 1])
    assert imputed["data"] == texts
    names = [n for n in predictor.schema.names if any(n in text.split(";") for text in texts)]
    summary = {"imputed": ";".join(names)} if names else {}
    assert answer["parameters"] == usual["parameters"] == expected | summary
