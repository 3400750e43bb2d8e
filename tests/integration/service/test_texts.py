"""Texts of tables and requests mean the same in training, scoring files, and every format."""

import csv
import io
import json
import struct
import unicodedata
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal

import httpx
import numpy as np
import pytest
from support.german_model import NAMES, table_text, train_german

from model.artifacts import artifact
from model.pipelines.score_file import score_file
from model.prediction.predictor import Predictor
from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio

Row = dict[str, Any]
Form = Literal["NFC", "NFD"]
MARK = b"\xef\xbb\xbf"
ROWS: list[Row] = [
    dict(zip(NAMES, values, strict=True))
    for values in (
        (180.5, 40, "weiblich", True),
        (165, None, "männlich", False),
        (150, 30, None, None),
        (171, 77, "NA", True),  # a category, not a missing value
    )
]
# The same rows; -9 and "unbekannt" are missing values of the recipe.
CODED = [
    {**row, **{name: value for name, value in missing.items() if row[name] is None}}
    for row in ROWS
    for missing in [{"Alter": -9, "Geschlecht": "unbekannt"}]
]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return artifact.load(train_german(tmp_path_factory.mktemp("german")))


@pytest.fixture
async def client(predictor: Predictor) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings(), predictor))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def probabilities(predictor: Predictor, rows: list[Row]) -> list[float]:
    """Predict rows without any codec."""
    categories = predictor.schema.features[2].categories
    numbers = {None: np.nan} | {name: place for place, name in enumerate(categories)}
    raw = [[numbers.get(value, value) for value in row.values()] for row in rows]
    return [float(each) for each in predictor.predict(np.array(raw, dtype=float))[:, 0]]


def as_json(rows: list[Row]) -> bytes:
    return json.dumps({"instances": rows}, ensure_ascii=False).encode()


def as_escaped_json(rows: list[Row]) -> bytes:
    return json.dumps({"instances": rows}).encode()


def as_arrays(rows: list[Row]) -> bytes:
    return json.dumps({"instances": [list(row.values()) for row in rows]}).encode()


def as_ndjson(rows: list[Row]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def as_csv(rows: list[Row], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_semicolons(rows: list[Row]) -> bytes:
    return as_csv(rows, ";")


def as_tabs(rows: list[Row]) -> bytes:
    return as_csv(rows, "\t")


def as_split(rows: list[Row]) -> bytes:
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    return json.dumps({"dataframe_split": split}, ensure_ascii=False).encode()


def as_records(rows: list[Row]) -> bytes:
    return json.dumps({"dataframe_records": rows}, ensure_ascii=False).encode()


DATATYPES = ("FP64", "INT32", "BYTES", "BOOL")


def as_tensors(rows: list[Row]) -> bytes:
    columns = zip(
        rows[0], DATATYPES, zip(*(row.values() for row in rows), strict=True), strict=True
    )
    inputs = [
        {"name": name, "datatype": datatype, "shape": [len(rows)], "data": values}
        for name, datatype, values in columns
    ]
    return json.dumps({"inputs": inputs}, ensure_ascii=False).encode()


def as_arrow(rows: list[Row]) -> bytes:
    arrow = pytest.importorskip("pyarrow", reason="needs the extra arrow: make oracles")
    table = arrow.Table.from_pylist(rows)
    sink = io.BytesIO()
    with arrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


FORMATS: dict[Callable[[list[Row]], bytes], tuple[str, str]] = {
    as_json: ("/predict", "application/json"),
    as_escaped_json: ("/predict", "application/json"),
    as_arrays: ("/predict", "application/json"),
    as_ndjson: ("/predict", "application/jsonl"),
    as_csv: ("/predict", "text/csv"),
    as_semicolons: ("/predict", "text/csv"),
    as_tabs: ("/predict", "text/tab-separated-values"),
    as_split: ("/invocations", "application/json"),
    as_records: ("/invocations", "application/json"),
    as_tensors: ("/v2/models/befund/infer", "application/json"),
    as_arrow: ("/predict", "application/vnd.apache.arrow.stream"),
}
TEXTS = [each for each in FORMATS if each is not as_arrow]
TABLES = (as_csv, as_semicolons, as_tabs)

each_format = pytest.mark.parametrize(
    "encode",
    [*TEXTS, pytest.param(as_arrow, marks=pytest.mark.reference)],
    ids=lambda encode: encode.__name__,
)
each_table = pytest.mark.parametrize("encode", TABLES, ids=lambda encode: encode.__name__)


async def ask(
    client: httpx.AsyncClient, encode: Callable[[list[Row]], bytes], body: bytes
) -> httpx.Response:
    """Send a body; the answer is JSON."""
    path, media_type = FORMATS[encode]
    headers = {"Content-Type": media_type, "Accept": "application/json"}
    return await client.post(path, content=body, headers=headers)


def answered(answer: httpx.Response) -> list[float]:
    assert answer.status_code == 200, answer.text
    if "outputs" in answer.json():
        found: list[float] = answer.json()["outputs"][0]["data"]
        return found
    return [each["probability"] for each in answer.json()["predictions"]]


def in_form(form: Form, value: Any) -> Any:
    """Return a value with its texts in a normalization form."""
    if isinstance(value, dict):
        return {in_form(form, name): in_form(form, each) for name, each in value.items()}
    return unicodedata.normalize(form, value) if isinstance(value, str) else value


@each_format
@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_names_in_any_normalization(
    client: httpx.AsyncClient,
    predictor: Predictor,
    encode: Callable[[list[Row]], bytes],
    form: Form,
) -> None:
    body = encode([in_form(form, row) for row in ROWS])
    assert answered(await ask(client, encode, body)) == probabilities(predictor, ROWS)
    single = encode([in_form(form, ROWS[0])])
    assert answered(await ask(client, encode, single)) == probabilities(predictor, ROWS[:1])


@each_format
async def test_missing_values_of_the_recipe(
    client: httpx.AsyncClient, predictor: Predictor, encode: Callable[[list[Row]], bytes]
) -> None:
    for rows in ([0, 1, 2, 3], [1], [2]):
        body = encode([CODED[number] for number in rows])
        known = probabilities(predictor, [ROWS[number] for number in rows])
        assert answered(await ask(client, encode, body)) == known
    numbers = dict(zip(NAMES, (-9, 5, "weiblich", True), strict=True))  # may not be missing
    answer = await ask(client, encode, encode([numbers]))
    assert answer.status_code in (400, 422)
    assert "must be a number from 30 to 250" in answer.text


@pytest.mark.parametrize("encode", TEXTS, ids=lambda encode: encode.__name__)
async def test_byte_order_mark(
    client: httpx.AsyncClient, predictor: Predictor, encode: Callable[[list[Row]], bytes]
) -> None:
    answer = await ask(client, encode, MARK + encode(ROWS))
    assert answered(answer) == probabilities(predictor, ROWS)
    for mark in (MARK + MARK, b" " + MARK):
        assert (await ask(client, encode, mark + encode(ROWS))).status_code in (400, 422)
    for encoding in ("utf-16", "utf-32"):
        answer = await ask(client, encode, encode(ROWS).decode().encode(encoding))
        assert answer.status_code == 400
        assert "it is UTF-16 or UTF-32 text, not UTF-8" in answer.text


async def test_byte_order_mark_before_binary_tensors(
    client: httpx.AsyncClient, predictor: Predictor
) -> None:
    texts = [in_form("NFD", row["Geschlecht"] or "").encode() for row in CODED]
    binary = {
        "FP64": struct.pack("<4d", *(row[NAMES[0]] for row in CODED)),
        "INT32": struct.pack("<4i", *(row["Alter"] for row in CODED)),
        "BYTES": b"".join(struct.pack("<I", len(text)) + text for text in texts),
    }
    inputs = [
        {
            "name": in_form("NFD", name),
            "datatype": datatype,
            "shape": [4, 1],
            "parameters": {"binary_data_size": len(data)},
        }
        for name, (datatype, data) in zip(NAMES, binary.items(), strict=False)
    ]
    head = MARK + json.dumps({"inputs": inputs}).encode()
    answer = await client.post(
        "/v2/models/befund/infer",
        content=head + b"".join(binary.values()),
        headers={"Inference-Header-Content-Length": str(len(head))},
    )
    rows = [{**row, "raucht": None} for row in ROWS]
    assert answered(answer) == probabilities(predictor, rows)


@each_table
@pytest.mark.parametrize("marker", ["", "N/A", "NaN", "nan", "null", "None", "?", " #N/A ", "-9"])
async def test_markers_in_cells(
    client: httpx.AsyncClient,
    predictor: Predictor,
    encode: Callable[[list[Row]], bytes],
    marker: str,
    tmp_path: Path,
) -> None:
    rows = [{name: marker if row[name] is None else row[name] for name in row} for row in ROWS]
    answer = await ask(client, encode, encode(rows))
    assert answered(answer) == probabilities(predictor, ROWS)
    assert [each.get("imputed") for each in answer.json()["predictions"]] == [
        None,
        ["Alter"],
        ["Geschlecht", "raucht"],
        None,
    ]
    assert scored_offline(predictor, encode(rows), tmp_path) == probabilities(predictor, ROWS)


@each_table
@pytest.mark.parametrize(
    ("name", "cell", "rule"),
    [
        (NAMES[0], "NA", "must be a number from 30 to 250"),
        (NAMES[0], "180,5", "must be a number from 30 to 250, written with a decimal point"),
        (NAMES[0], "1.800,5", "must be a number from 30 to 250, written with a decimal point"),
        ("Alter", "4_0", "must be an integer from -20 to 120 or empty"),
        ("Geschlecht", "na", "must be one of männlich, weiblich, NA or empty"),
        ("raucht", "ja", "must be true or false or empty"),
    ],
)
async def test_other_cells_are_rejected_alike(
    client: httpx.AsyncClient,
    predictor: Predictor,
    encode: Callable[[list[Row]], bytes],
    name: str,
    cell: str,
    rule: str,
    tmp_path: Path,
) -> None:
    body = encode([ROWS[0], {**ROWS[1], name: cell}])
    answer = await ask(client, encode, body)
    assert answer.json()["errors"] == [{"field": f"rows.1.{name}", "rule": rule}]
    with pytest.raises(Exception, match="befund") as error:
        scored_offline(predictor, body, tmp_path)
    assert str(error.value) == f"befund.csv: line 3, column {name!r}: {rule}"


def scored_offline(predictor: Predictor, body: bytes, folder: Path) -> list[float]:
    source, output = folder / "befund.csv", folder / "scored.csv"
    source.write_bytes(body)
    score_file(predictor, source, output, 0.5)
    with output.open(encoding="utf-8", newline="") as file:
        return [float(row["probability"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "table",
    [
        table_text(";").encode(),
        table_text("\t").encode("utf-8-sig"),
        unicodedata.normalize("NFD", table_text()).encode(),
    ],
    ids=["semicolons", "tabs", "NFD"],
)
def test_training_reads_the_same_table_in_other_spellings(
    predictor: Predictor, table: bytes, tmp_path: Path
) -> None:
    other = artifact.load(train_german(tmp_path, table))
    np.testing.assert_array_equal(other.theta, predictor.theta)


def test_offline_scoring_copies_other_columns_as_they_are(
    predictor: Predictor, tmp_path: Path
) -> None:
    other = unicodedata.normalize("NFD", "Müller")
    rows = [{other: other, **in_form("NFD", row)} for row in ROWS]
    scored_offline(predictor, as_csv(rows), tmp_path)
    header, first, *_ = (tmp_path / "scored.csv").read_text().splitlines()
    assert header.startswith(f"{other},")
    assert first.startswith(f"{other},")


@pytest.mark.parametrize("second", [in_form("NFD", NAMES[0]), NAMES[0]])
async def test_a_name_in_two_normalizations_is_given_twice(
    client: httpx.AsyncClient, second: str
) -> None:
    text = as_json(ROWS[:1]).decode().replace("}]", f', "{second}": 100}}]')
    answer = await ask(client, as_json, text.encode())
    assert answer.json()["errors"] == [
        {"field": f"instances.0.{NAMES[0]}", "rule": "is given twice"}
    ]
    table = as_tabs([ROWS[0]]).decode().replace("Alter", second)
    answer = await ask(client, as_tabs, table.encode())
    assert {"field": NAMES[0], "rule": "is given twice"} in answer.json()["errors"]
