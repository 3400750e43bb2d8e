"""Texts of clients and table libraries: charsets, byte order marks, delimiters, missing values."""

import io
import json
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.german_model import NAMES, train_german

requests: Any = pytest.importorskip("requests", reason="needs requests: make oracles")

ROWS: list[list[Any]] = [
    [180.5, 40, "weiblich", True],
    [165.0, None, "männlich", False],
    [150.0, 30, None, None],
]
BODY = {"instances": ROWS}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def url(
    start_service: Callable[..., AbstractContextManager[tuple[int, int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    path = train_german(tmp_path_factory.mktemp("german"))
    with start_service(path, threshold=0) as (port, _):  # so that every label is not ASCII
        yield f"http://127.0.0.1:{port}/predict"


@pytest.fixture(scope="module")
def expected(url: str) -> list[float]:
    answer = requests.post(url, json=BODY).json()
    assert {each["label"] for each in answer["predictions"]} == {"bösartig"}
    return [each["probability"] for each in answer["predictions"]]


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=list(NAMES)).astype({"Alter": "Int64", "raucht": "boolean"})


@pytest.mark.parametrize(
    "media_type",
    ["text/csv", "text/tab-separated-values", "application/x-ndjson", "application/jsonl"],
)
def test_requests_decodes_every_text(url: str, media_type: str) -> None:
    answer = requests.post(url, json=BODY, headers={"Accept": media_type})
    assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert answer.text.count("bösartig") == len(ROWS)
    text = requests.post(url, data=frame().to_csv(index=False).encode(), headers=CSV)
    assert text.text.count("bösartig") == len(ROWS)


def test_requests_decodes_errors(url: str) -> None:
    answer = requests.post(url, json={"Alter": 40})
    assert answer.status_code == 422
    assert NAMES[0] in answer.text
    assert answer.json()["errors"][0]["field"] == NAMES[0]
    card = requests.get(url.replace("/predict", "/model/card"))
    assert NAMES[0] in card.text


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("missing", ["", "NA", "NaN", "unbekannt"])
def test_pandas(
    url: str, expected: list[float], separator: str, encoding: str, missing: str
) -> None:
    text = frame().to_csv(index=False, sep=separator, na_rep=missing, lineterminator="\r\n")
    answer = requests.post(url, data=text.encode(encoding), headers=CSV)
    assert answer.status_code == 200, answer.text
    assert pd.read_csv(io.BytesIO(answer.content))["probability"].tolist() == expected


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("missing", ["", "null", "None"])
def test_polars(url: str, expected: list[float], separator: str, missing: str) -> None:
    polars: Any = pytest.importorskip("polars", reason="needs polars: make oracles")
    table = polars.DataFrame(ROWS, schema=list(NAMES), orient="row")
    text = table.write_csv(separator=separator, null_value=missing, include_bom=True)
    answer = requests.post(url, data=text.encode(), headers=CSV)
    assert answer.status_code == 200, answer.text
    assert polars.read_csv(answer.content)["probability"].to_list() == expected


PROGRAM = """
const [url, rows] = [process.argv[2], JSON.parse(process.argv[3])];
const post = (body, type, accept) =>
  fetch(url, { method: "POST", body, headers: { "Content-Type": type, Accept: accept } });
const named = rows.map((row) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [
    name.normalize("NFD"), typeof value === "string" ? value.normalize("NFD") : value])));
const json = await post(JSON.stringify({ instances: named }), "application/json", "*/*");
console.log(JSON.stringify((await json.json()).predictions.map((each) => each.probability)));
const lines = named.map((row) => JSON.stringify(row)).join("\\n");
const csv = await post(lines, "application/jsonl", "text/csv");
console.log(JSON.stringify((await csv.text()).trim().split("\\n").slice(1)));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_node_with_decomposed_names(url: str, expected: list[float], tmp_path: Path) -> None:
    program = tmp_path / "client.mjs"
    program.write_text(PROGRAM)
    rows = json.dumps([dict(zip(NAMES, row, strict=True)) for row in ROWS])
    done = subprocess.run(
        ["node", str(program), url, rows], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    probabilities, lines = map(json.loads, done.stdout.splitlines())
    assert probabilities == expected
    assert [line.split(",")[:2] for line in lines] == [[str(each), "bösartig"] for each in expected]


def test_a_file_of_a_spreadsheet(url: str, expected: list[float], tmp_path: Path) -> None:
    """Excel in a European locale writes semicolons, a byte order mark and CRLF."""
    lines = [";".join(NAMES), "180.5;40;weiblich;TRUE", "165;#N/A;männlich;FALSE", "150;30;;"]
    text = unicodedata.normalize("NFC", "\r\n".join([*lines, ""]))
    path = tmp_path / "Tabelle.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    answer = requests.post(url, data=path.read_bytes(), headers=CSV)
    assert answer.status_code == 200, answer.text
    assert pd.read_csv(io.BytesIO(answer.content))["probability"].tolist() == expected
    comma = text.replace("180.5", "180,5").encode("utf-8-sig")
    answer = requests.post(url, data=comma, headers=CSV)
    rule = "must be a number from 30 to 250, written with a decimal point"
    assert answer.json()["errors"] == [{"field": f"rows.0.{NAMES[0]}", "rule": rule}]
