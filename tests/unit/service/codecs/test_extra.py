"""service/codecs/extra.py: extra columns pass through a table to the answer in any format."""

import csv
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.pipelines.score_file import score_file
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary
from service.codecs.blocks import MAX_HELD_EXTRA_BYTES, Block, Rebatcher, TableRules, join_blocks
from service.codecs.extra import (
    MAX_COMPARISONS,
    RowObjects,
    SimilarNames,
    TextColumns,
)
from service.codecs.tabular.csv_reader import CsvReader
from service.overload.memory import UNCHARGED_BYTES

pytestmark = pytest.mark.anyio

HEADER = (
    "clump_thickness,uniformity_of_cell_size,uniformity_of_cell_shape,marginal_adhesion,"
    "single_epithelial_cell_size,bare_nuclei,bland_chromatin,normal_nucleoli,mitoses"
)
ROW = "5,1,1,1,2,1,3,1,1"
OBJECT = dict(zip(HEADER.split(","), map(int, ROW.split(",")), strict=True))
CSV, NDJSON, JSON = "text/csv", "application/x-ndjson", "application/json"


async def post(
    client: httpx.AsyncClient, body: str, kind: str, accept: str = "", query: str = ""
) -> httpx.Response:
    headers = {"Content-Type": kind, "Accept": accept or kind}
    return await client.post(f"/predict{query}", content=body, headers=headers)


def lines_of(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def cells_of(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text, newline="")))


async def plain_cells(client: httpx.AsyncClient) -> list[str]:
    """Return the cells of the answer to a row without extra columns."""
    return cells_of(await post(client, f"{HEADER}\n{ROW}\n", CSV))[1]


async def test_columns_come_first_in_their_order(client: httpx.AsyncClient) -> None:
    body = f"note,{HEADER},,Patient ID\nthe first,{ROW},0, 007 \n,{ROW},1,x\n"
    header, *rows = cells_of(await post(client, body, CSV))
    plain = await plain_cells(client)
    assert header == ["note", "", "Patient ID", "probability", "label", "imputed"]
    assert rows == [["the first", "0", " 007 ", *plain], ["", "1", "x", *plain]]


@given(
    st.lists(
        st.tuples(
            *[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))] * 2
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
async def test_cells_keep_their_text(
    client: httpx.AsyncClient, cells: list[tuple[str, str]]
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        [["a", *HEADER.split(","), "b"], *([a, *ROW.split(","), b] for a, b in cells)]
    )
    header, *rows = cells_of(await post(client, text.getvalue(), CSV))
    assert header[:2] == ["a", "b"]
    assert [tuple(row[:2]) for row in rows] == cells
    as_json = (await post(client, text.getvalue(), CSV, JSON)).json()["predictions"]
    assert [(row["a"], row["b"]) for row in as_json] == cells


@pytest.mark.parametrize("size", [1, 700, 20_000])
async def test_the_offline_program_copies_the_same_columns(
    client: httpx.AsyncClient, predictor: Predictor, tmp_path: Any, size: int
) -> None:
    rows = np.random.default_rng(0).integers(1, 11, (size, 9)).tolist()
    lines = [f"{n},{','.join(map(str, row))},n{n}" for n, row in enumerate(rows)]
    body = "\n".join([f",{HEADER},name", *lines]) + "\n"
    (tmp_path / "rows.csv").write_text(body)
    score_file(predictor, tmp_path / "rows.csv", tmp_path / "scored.csv", 0.5)
    with (tmp_path / "scored.csv").open(newline="") as file:
        offline = list(csv.reader(file))
    online = cells_of(await post(client, body, CSV))
    assert online == [[row[0], *row[10:]] for row in offline]


async def test_fields_of_lines_may_differ(client: httpx.AsyncClient) -> None:
    extra: list[dict[str, Any]] = [
        {"id": 7},
        {},
        {"id": None, "at": "12:30", "of": {"tags": ["a:b", {"c": 1.5}]}},
    ]
    answer = await post(client, lines_of(*({**each, **OBJECT} for each in extra)), NDJSON)
    found = [json.loads(line) for line in answer.text.splitlines()]
    plain = found[1]
    assert found == [{**each, **plain} for each in extra]
    assert next(iter(found[0])) == "id"


async def test_an_answer_in_columns_has_those_of_the_first_line(client: httpx.AsyncClient) -> None:
    first, second = {"id": 7, "ok": True, **OBJECT}, {"of": [1, "é"], "id": "x", **OBJECT}
    answer = await post(client, lines_of(first, OBJECT, second), NDJSON, CSV, "?on_error=mark")
    header, one, two, three = cells_of(answer)
    plain = await plain_cells(client)
    assert header == ["id", "ok", "probability", "label", "imputed", "error"]
    assert one == ["7", "true", *plain, ""]
    assert two == ["", "", *plain, ""]
    assert three[:-1] == ["x", "", "", "", ""]
    assert three[-1] == "of is not in the first row, which has the columns of the answer"


async def test_marked_rows_have_them(client: httpx.AsyncClient) -> None:
    body = f"id,{HEADER}\n1,{ROW}\n2,{ROW[:-1]}0\n"
    _, good, bad = cells_of(await post(client, body, CSV, query="?on_error=mark"))
    assert (good[0], good[-1]) == ("1", "")
    assert bad == ["2", "", "", "", "mitoses must be an integer from 1 to 10"]
    answer = await post(client, body, CSV, NDJSON, "?on_error=mark")
    marked = json.loads(answer.text.splitlines()[1])
    assert (marked["id"], list(marked)[:2]) == ("2", ["id", "errors"])


async def test_names_of_the_answer_are_taken_by_format(client: httpx.AsyncClient) -> None:
    for name, kinds in {"probability": (CSV, NDJSON), "error": (CSV,), "errors": (NDJSON,)}.items():
        body = f"{name},{HEADER}\n1,{ROW}\n"
        for accept in (CSV, NDJSON):
            answer = await post(client, body, CSV, accept, "?on_error=mark")
            assert answer.status_code == (422 if accept in kinds else 200), (name, accept)
    lines = lines_of(OBJECT, {**OBJECT, "label": "x"})
    assert (await post(client, lines, NDJSON)).json()["errors"] == [
        {"field": "rows.1.label", "rule": "is a name that the answer uses: rename it"}
    ]


async def test_a_table_without_rows_has_its_columns(client: httpx.AsyncClient) -> None:
    names = ["id", "probability", "label", "imputed"]
    assert cells_of(await post(client, f"id,{HEADER}\n", CSV)) == [names]
    assert (await post(client, "", NDJSON)).text == ""
    assert (await post(client, f"id,{HEADER}", CSV, JSON)).json()["predictions"] == []


def schema_of(*optional: str) -> Schema:
    features = (Feature(name="size"), *(Feature(name=n, may_be_missing=True) for n in optional))
    return Schema(features=features, target=Binary(negative="no", positive="yes"))


def test_a_name_like_an_absent_feature_is_misspelt() -> None:
    schema = schema_of("bare_nuclei")
    for name in ("bare_nucleii", "Bare_nuclei", "bare nuclei", "barenuclei"):
        rule = SimilarNames(schema).rule(name, {"size", name})
        assert "rename it to bare_nuclei," in str(rule)
        assert SimilarNames(schema).rule(name, {"size", name, "bare_nuclei"}) is None
    for name in ("id", "nuclei", "patient", "", "sizes"):
        assert SimilarNames(schema).rule(name, {"size", name}) is None


def test_few_names_are_compared() -> None:
    similar = SimilarNames(schema_of("age"))
    found = [similar.rule("agee" if n == MAX_COMPARISONS else f"x{n}", ()) for n in range(300)]
    assert not any(found)
    assert SimilarNames(schema_of("age")).rule("ages", ())
    assert not SimilarNames(schema_of(*(f"age_{n}" for n in range(201)))).rule("age__1", ())


def test_joined_objects_of_rows_and_of_none() -> None:
    none = Block(np.zeros((2, 1)))
    one = Block(np.zeros((1, 1)), extra=RowObjects([{"id": 1}], 100))
    whole = join_blocks([none, one, one]).part(1, 4)
    assert whole.extra is not None
    assert whole.extra.objects() == [{}, {"id": 1}, {"id": 1}]


def test_large_columns_do_not_wait_for_more_rows() -> None:
    batches, found = Rebatcher(), 0
    cells = ["x" * 10_000] * 10
    for _ in range(200):
        block = Block(np.zeros((10, 1)), extra=TextColumns.of(("id",), [cells]))
        for full in batches.add(block):
            assert full.extra is not None
            assert full.extra.texts(("id",)) == [cells[:1] * len(full.values)]
            found += len(full.values)
        assert batches.held_bytes <= MAX_HELD_EXTRA_BYTES + 8 * 4096
    assert found + sum(len(block.values) for block in batches.finish()) == 2000


async def test_hostile_columns(client: httpx.AsyncClient) -> None:
    names = ",".join(f"c{n:x}" for n in range(10_000))
    body = f"{HEADER},{names}\n" + f"{ROW}{',' * 10_000}\n" * 20
    header, *rows = cells_of(await post(client, body, CSV))
    assert (len(header), len(rows)) == (10_003, 20)
    wide = lines_of(*({**OBJECT, **{f"r{n}c{m}": m for m in range(100)}} for n in range(500)))
    assert len(wide) > UNCHARGED_BYTES
    answer = await post(client, wide, NDJSON)
    assert [len(json.loads(line)) for line in answer.text.splitlines()] == [104] * 500
    refused = await post(client, wide, NDJSON, CSV)
    assert refused.status_code == 422
    assert len(refused.json()["errors"]) == 10


def test_a_table_may_have_no_feature_at_all() -> None:
    features = (Feature(name="a", may_be_missing=True), Feature(name="b", may_be_missing=True))
    rules = TableRules(Schema(features=features, target=Binary(negative="no", positive="yes")))
    _, block = list(CsvReader(rules).feed(b"id\n1\n2\n"))
    assert np.isnan(block.values).all()
    assert block.values.shape == (2, 2)
    assert block.extra is not None
    assert block.extra.objects() == [{"id": "1"}, {"id": "2"}]
