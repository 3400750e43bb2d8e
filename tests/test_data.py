"""The Wisconsin rows are what data/README.md says they are."""

import csv
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
FEATURES = [
    "clump_thickness",
    "uniformity_of_cell_size",
    "uniformity_of_cell_shape",
    "marginal_adhesion",
    "single_epithelial_cell_size",
    "bare_nuclei",
    "bland_chromatin",
    "normal_nucleoli",
    "mitoses",
]
HEADER = ["patient_id", *FEATURES, "class"]

TEXT = (DATA / "breast-cancer-wisconsin.csv").read_bytes().decode("ascii")
ROWS = list(csv.DictReader(TEXT.splitlines()))


def test_header_and_line_ends() -> None:
    assert TEXT.splitlines()[0] == ",".join(HEADER)
    assert "\r" not in TEXT
    assert TEXT.endswith("\n")


def test_first_and_last_rows_keep_the_original_order() -> None:
    lines = TEXT.splitlines()
    assert lines[1] == "1000025,5,1,1,1,2,1,3,1,1,benign"
    assert lines[24] == "1057013,8,4,5,1,2,,7,3,1,malignant"
    assert lines[-1] == "897471,4,8,8,5,4,5,10,4,1,malignant"


def test_counts() -> None:
    assert len(ROWS) == 699
    assert Counter(row["class"] for row in ROWS) == {"benign": 458, "malignant": 241}
    assert Counter(row["class"] for row in ROWS if not row["bare_nuclei"]) == {
        "benign": 14,
        "malignant": 2,
    }
    assert sum(all(row.values()) for row in ROWS) == 683


def test_patients_repeat() -> None:
    rows_of = Counter(row["patient_id"] for row in ROWS)
    assert len(rows_of) == 645
    assert sum(rows > 1 for rows in rows_of.values()) == 46
    assert max(rows_of.values()) == 6
    assert len(ROWS) - len(set(TEXT.splitlines()[1:])) == 8
    classes = {(row["patient_id"], row["class"]) for row in ROWS}
    assert len(classes) - len(rows_of) == 4


@pytest.mark.parametrize("feature", FEATURES)
def test_scores_are_whole_numbers_from_1_to_10(feature: str) -> None:
    allowed = {str(score) for score in range(1, 11)} | ({""} if feature == "bare_nuclei" else set())
    assert {row[feature] for row in ROWS} <= allowed


def test_readme_has_every_column_with_its_observed_range() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    table = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in readme.splitlines()
        if line.startswith("| `")
    ]
    assert [name for name, *_ in table] == HEADER
    for name, _, low, high, missing in table:
        values = [row[name] for row in ROWS]
        assert int(missing) == values.count("")
        if name != "class":
            numbers = [int(value) for value in values if value]
            assert (int(low), int(high)) == (min(numbers), max(numbers))


def test_readme_has_every_group_with_its_malignant_rows() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    groups = readme.partition("| group |")[2].partition("\n\n")[0].splitlines()[2:]
    start = 0
    for group in groups:
        rows, malignant = (int(cell) for cell in group.split("|")[2:4])
        classes = [row["class"] for row in ROWS[start : start + rows]]
        assert classes.count("malignant") == malignant
        start += rows
    assert start == len(ROWS)
