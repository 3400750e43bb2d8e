"""The plan of a scoring job: files, their columns, fragments and names of parts."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.arrow_streams import scores
from support.scored_datasets import fragments, pa, parts, pq, scorer_of

from model.errors import DataError, MalignancyError
from service.codecs.extra import TAKEN
from service.scoring.plan import Plan, RejectedFiles, plan_job, row_group_ranges
from service.scoring.source import Dataset, find_dataset, pattern


def names_of(dataset: Dataset) -> list[str]:
    return [each.file.name for each in dataset.files]


def write(path: Path, rows: int = 3, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = scores(rows)
    for name, cells in columns.items():
        table = table.append_column(name, cells)
    pq.write_table(table, path)
    return path


def planned(artifact_path: Path, source: Path | str, **options: Any) -> Plan:
    scorer = scorer_of(artifact_path, **options)
    return plan_job(scorer, find_dataset(str(source)), fragments.Destination("/nowhere"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "a.parquet",
        "b.PQ",
        "year=2024/c.csv.gz",
        "year=2025/d e.ndjson",
        "year=2025/deep/f.tsv",
        "_temporary/x.parquet",
        ".hidden/y.parquet",
        "year=2025/_SUCCESS",
        "year=2025/.z.parquet.crc",
    ):
        path = tmp_path / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "from"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ["a.parquet", "b.PQ", "year=2024/c.csv.gz", "year=2025/d e.ndjson",
              "year=2025/deep/f.tsv"]),
        ("/", ["a.parquet", "b.PQ", "year=2024/c.csv.gz", "year=2025/d e.ndjson",
               "year=2025/deep/f.tsv"]),
        ("/*.parquet", ["a.parquet"]),
        ("/year=*/*", ["year=2024/c.csv.gz", "year=2025/d e.ndjson"]),
        ("/year=202[56]/**", ["d e.ndjson", "deep/f.tsv"]),
        ("/**/*.tsv", ["year=2025/deep/f.tsv"]),
        ("/**/?.*", ["a.parquet", "b.PQ", "year=2024/c.csv.gz", "year=2025/deep/f.tsv"]),
        ("/a.parquet", ["a.parquet"]),
        ("/year=2025/deep", ["f.tsv"]),
    ],
)  # fmt: skip
def test_files(folder: Path, source: str, expected: list[str]) -> None:
    found = names_of(find_dataset(f"{folder}{source}"))
    prefix = "year=2025/" if source == "/year=202[56]/**" else ""
    assert found == [prefix + each for each in expected]
    assert names_of(find_dataset(f"file://{folder}{source}")) == found


def test_a_file_with_a_wildcard_in_its_name(tmp_path: Path) -> None:
    for name in ("rows[1].csv", "rows1.csv"):
        (tmp_path / name).write_bytes(b"")
    assert names_of(find_dataset(str(tmp_path / "rows[1].csv"))) == ["rows[1].csv"]
    assert names_of(find_dataset(str(tmp_path / "rows[01].csv"))) == ["rows1.csv"]


@pytest.mark.parametrize(
    ("text", "matching", "others"),
    [
        ("*.csv", ["a.csv", ".csv"], ["a/b.csv", "a.csv2", "acsv"]),
        ("**/*.csv", ["a.csv", "a/b.csv", "a/b/c.csv"], ["a.tsv"]),
        ("a/**", ["a/b", "a/b/c"], ["b/a"]),
        ("[!a]?", ["bc", "b1"], ["ab", "b/", "b"]),
        ("[a-c]", ["a", "b", "c"], ["d", "-"]),
        ("a[", ["a["], ["a"]),
        ("(a|b)+.csv", ["(a|b)+.csv"], ["a.csv"]),
    ],
)
def test_patterns(text: str, matching: list[str], others: list[str]) -> None:
    expression = pattern(text)
    assert [each for each in matching if not expression.fullmatch(each)] == []
    assert [each for each in others if expression.fullmatch(each)] == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", r": there is no file to score$"),
        ("/none", r"none: there is no such file or folder$"),
        ("/*.csv", r"\*\.csv: there is no file to score$"),
    ],
)
def test_no_files(tmp_path: Path, name: str, rule: str) -> None:
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(DataError, match=rule):
        find_dataset(f"{tmp_path}{name}")


def test_unknown_formats(tmp_path: Path) -> None:
    for name in ("a.csv", "b.txt", "c.parquet.gz", "deep/.d.csv", "e.gz", "f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"not known by their names: b\.txt, c\.parquet\.gz, e\.gz"):
        find_dataset(str(tmp_path))


def test_row_groups_are_grouped_into_fragments() -> None:
    import io

    sink = io.BytesIO()
    table = scores(10_000)
    with pq.ParquetWriter(sink, table.schema) as writer:
        for start, rows in ((0, 3000), (3000, 3000), (6000, 1), (6001, 3999)):
            writer.write_table(table.slice(start, rows))
    metadata = pq.read_metadata(sink)

    def found(rows: int, size: int = 1 << 30) -> list[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("service.scoring.plan.FRAGMENT_ROWS", rows)
            patch.setattr("service.scoring.plan.FRAGMENT_BYTES", size)
            return list(row_group_ranges(metadata))

    assert found(10_000) == [((0, 4), 0, 10_000)]
    assert found(6001) == [((0, 3), 0, 6001), ((3, 4), 6001, 3999)]
    assert found(6000) == [((0, 2), 0, 6000), ((2, 4), 6000, 4000)]
    assert found(1) == [
        ((0, 1), 0, 3000), ((1, 2), 3000, 3000), ((2, 3), 6000, 1), ((3, 4), 6001, 3999)
    ]  # fmt: skip
    assert len(found(10_000, 1)) == 4


def test_a_plan(artifact_path: Path, tmp_path: Path) -> None:
    write(tmp_path / "year=1/a.parquet", 3, id=pa.array([1, 2, 3]))
    write(tmp_path / "year=2%20b/a.parquet", 4, id=pa.array([1, 2, 3, 4]))
    plan = planned(artifact_path, tmp_path)
    assert [(each.part, each.rows, each.groups, each.partition) for each in plan.fragments] == [
        ("year=1/a", 3, (0, 1), (("year", "1"),)),
        ("year=2%20b/a", 4, (0, 1), (("year", "2 b"),)),
    ]
    assert plan.rows == 7
    assert plan.schema.names == ["id", "probability", "label", "imputed", "error"]
    assert str(plan.fragments[0]) == f"{tmp_path}/year=1/a.parquet"


def rejected(artifact_path: Path, source: Path, **options: Any) -> list[str]:
    with pytest.raises(RejectedFiles, match=r"files cannot be scored; nothing was written$") as e:
        planned(artifact_path, source, **options)
    return [each.removeprefix(f"{source}/") for each in e.value.problems]


def test_all_wrong_files_are_named(artifact_path: Path, tmp_path: Path) -> None:
    write(tmp_path / "good.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "damaged.arrow").write_bytes(b"no")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    pq.write_table(scores(3).drop_columns(["mitoses"]), tmp_path / "absent.parquet")
    pq.write_table(_texts(), tmp_path / "texts.parquet")
    found = dict(each.split(": ", 1) for each in rejected(artifact_path, tmp_path))
    assert found.keys() == {
        "broken.parquet", "damaged.arrow", "empty.csv", "wrong.csv", "absent.parquet",
        "texts.parquet",
    }  # fmt: skip
    assert found["broken.parquet"] == found["damaged.arrow"] == "the file is malformed"
    assert found["empty.csv"] == "header is required"
    assert "mitoses is required" in found["wrong.csv"]
    assert found["absent.parquet"] == "mitoses is required"
    assert found["texts.parquet"] == "mitoses must be a column of numbers"


def _texts() -> Any:
    table = scores(3)
    return table.set_column(8, "mitoses", pa.array(["1", "2", "3"]))


def test_at_most_10_files_are_named(artifact_path: Path, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.parquet").write_bytes(b"")
    with pytest.raises(RejectedFiles, match=r"^12 of 12 files cannot") as error:
        planned(artifact_path, tmp_path)
    assert len(error.value.problems) == 10


def test_columns_that_differ_between_files(artifact_path: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", id=pa.array([1, 2, 3], pa.int64()))
    write(tmp_path / "b.parquet", id=pa.array(["1", "2", "3"]))
    write(tmp_path / "c.parquet")
    write(tmp_path / "d.parquet", id=pa.array([1, 2, 3]), more=pa.array([1, 2, 3]))
    assert rejected(artifact_path, tmp_path) == [
        "b.parquet: column id is of type string, in the first file int64; leave it out with --keep",
        "c.parquet: has no column id, as the first file has; choose columns with --keep",
        "d.parquet: has a column more, as the first file has not; choose with --keep",
    ]
    assert len(planned(artifact_path, tmp_path, keep=()).fragments) == 4
    assert rejected(artifact_path, tmp_path, keep=("id",))[-1] == (
        "c.parquet: has no column id, which --keep names"
    )


def test_columns_that_cannot_be_kept(artifact_path: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", tags=pa.array([[1], [], None]))
    write(tmp_path / "b.parquet", label=pa.array([1, 2, 3]))
    first, second = rejected(artifact_path, tmp_path)
    assert first.startswith("a.parquet: tags must be a column of numbers, booleans, texts or times")
    assert second == f"b.parquet: label {TAKEN}; or leave the column out with --keep"
    assert len(planned(artifact_path, tmp_path, keep=()).fragments) == 2


def test_names_of_parts_that_collide(artifact_path: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    (tmp_path / "a.ndjson").write_text(json.dumps(scores(1).to_pylist()[0]))
    assert rejected(artifact_path, tmp_path) == [
        "a.ndjson: another file would have the same part a.parquet",
        "a.parquet: another file would have the same part a.parquet",
    ]


def test_keys_of_folders_are_checked(artifact_path: Path, tmp_path: Path) -> None:
    for value in ("3", "11", "x"):
        path = tmp_path / f"mitoses={value}" / "a.parquet"
        path.parent.mkdir()
        pq.write_table(scores(3).drop_columns(["mitoses"]), path)
    assert rejected(artifact_path, tmp_path) == [
        "mitoses=11/a.parquet: mitoses must be an integer from 1 to 10",
        "mitoses=x/a.parquet: mitoses must be an integer from 1 to 10",
    ]


def test_features_that_are_all_keys_of_folders(artifact_path: Path, tmp_path: Path) -> None:
    keys = "/".join(f"{name}=1" for name in scores(1).schema.names)
    path = tmp_path / keys / "a.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1]}), path)
    [problem] = rejected(artifact_path, tmp_path)
    assert problem.endswith("no feature is a column of the file, all are keys of its folders")


def test_a_feature_that_is_a_key_and_a_column(artifact_path: Path, tmp_path: Path) -> None:
    write(tmp_path / "mitoses=3" / "a.parquet")
    (tmp_path / "mitoses=4").mkdir()
    (tmp_path / "mitoses=4" / "b.ndjson").write_text(json.dumps(scores(1).to_pylist()[0]))
    assert rejected(artifact_path, tmp_path) == [
        "mitoses=3/a.parquet: mitoses is a column of the file, and a key of its folder",
        "mitoses=4/b.ndjson: mitoses is a column of the file, and a key of its folder",
    ]


def test_nothing_is_written_where_a_plan_fails(artifact_path: Path, tmp_path: Path) -> None:
    from support.scored_datasets import score

    write(tmp_path / "from" / "a.parquet")
    (tmp_path / "from" / "b.parquet").write_bytes(b"")
    with pytest.raises(MalignancyError):
        score(scorer_of(artifact_path), tmp_path / "from", tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert parts(tmp_path / "from").keys() == {"a.parquet", "b.parquet"}
