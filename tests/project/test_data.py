"""The tables of data/ agree with data/README.md."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.paths import DATA

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
PIXELS = [f"row_{row}_column_{column}" for row in range(8) for column in range(8)]
LABELS = [f"has_{digit}" for digit in range(10)]


def read(name: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells of a table."""
    text = (DATA / name).read_bytes().decode("ascii")
    assert "\r" not in text
    assert text.endswith("\n")
    header, *rows = csv.reader(text.splitlines())
    return header, rows


def section(title: str) -> str:
    """Return the section of data/README.md with a title."""
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    return readme.partition(f"# {title}\n")[2].partition("\n# ")[0]


def columns_of(title: str) -> list[list[str]]:
    """Return the rows of a section's table of columns."""
    return [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in section(title).splitlines()
        if line.startswith("| `")
    ]


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
def test_scores_are_integers_from_1_to_10(feature: str) -> None:
    allowed = {str(score) for score in range(1, 11)} | ({""} if feature == "bare_nuclei" else set())
    assert {row[feature] for row in ROWS} <= allowed


def test_readme_has_every_column_with_its_observed_range() -> None:
    table = columns_of("The Wisconsin rows")
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


def test_digits() -> None:
    header, rows = read("digits.csv")
    assert header == [*PIXELS, "digit"]
    assert len(rows) == 1797
    counts = Counter(row[-1] for row in rows)
    assert set(counts) == set("0123456789")
    assert (min(counts.values()), max(counts.values())) == (174, 183)
    assert {cell for row in rows for cell in row[:-1]} == {str(ink) for ink in range(17)}


def test_two_digits() -> None:
    header, rows = read("two-digits.csv")
    assert header == [*PIXELS, *LABELS, "part"]
    assert [row[-1] for row in rows] == ["train"] * 2500 + ["validation"] * 500
    assert {cell for row in rows for cell in row[:64]} == {str(ink) for ink in range(17)}
    assert all(sorted(row[64:-1]) == ["0"] * 8 + ["1"] * 2 for row in rows)


def test_two_digits_are_made_from_their_part_of_the_digits() -> None:
    """A picture is the maximum of the source digits that are nowhere darker than it."""
    sources, pictures = (
        np.array([row[:64] for row in read(name)[1]]).astype(int)
        for name in ("digits.csv", "two-digits.csv")
    )
    for digits, made in ((sources[:1347], pictures[:2500]), (sources[1347:], pictures[2500:])):
        for picture in made[::25]:
            within = digits[(digits <= picture).all(axis=1)]
            assert (within.max(axis=0) == picture).all()


def test_diabetes() -> None:
    header, rows = read("diabetes.csv")
    assert len(rows) == 442
    table = columns_of("Diabetes")
    assert [name for name, *_ in table] == header
    for (*_, low, high), cells in zip(table, zip(*rows, strict=True), strict=True):
        numbers = [float(cell) for cell in cells]
        assert (float(low), float(high)) == (min(numbers), max(numbers))


@pytest.mark.reference
@pytest.mark.parametrize("title", ["Handwritten digits", "Diabetes"])
def test_the_program_in_the_readme_creates_the_table(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn", reason="compares with scikit-learn: make oracles")
    program = section(title).partition("```python\n")[2].partition("```")[0]
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    [made] = (tmp_path / "data").iterdir()
    assert made.read_bytes() == (DATA / made.name).read_bytes()
