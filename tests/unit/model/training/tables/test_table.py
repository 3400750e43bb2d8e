"""read_table: cells, dropped rows, and errors that name the line and the column."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import DataError
from model.prediction.schema import Feature, Schema
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.partitions import read_partitions, read_table
from model.training.tables.splits import split_table
from model.training.tables.table import Table

GOOD = "a,b,c\n1,2.5,no\n2,,yes\n10,-3,yes\n"
RULE = "must be an integer from 1 to 10"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "my.toml"
    path.write_text(
        """
        extends = "article"
        features = [
            { name = "a", type = "integer", minimum = 1, maximum = 10 },
            { name = "b", may_be_missing = true },
        ]
        data = { file = "rows.csv", target = "c", negative = "no", positive = "yes" }
        """
    )
    return load_recipe(str(path))


def read(recipe: Recipe, text: str | bytes) -> Table:
    recipe.data.file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return read_table(recipe)


def error_text(recipe: Recipe, text: str | bytes) -> str:
    """Return the error text after the file's name, or path if the file is not a table."""
    with pytest.raises(DataError) as error:
        read(recipe, text)
    path = recipe.data.file
    file, colon, message = str(error.value).partition(": ")
    assert colon
    assert file == (str(path) if message.startswith(("cannot be", "not a CSV")) else path.name)
    return message


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip(),
        "\ufeff" + GOOD,
        "\n\n" + GOOD.replace("\n", "\n\n\n"),
        GOOD.replace(",", " , "),
        GOOD.replace("10", '"10"').replace("no", '" no "').replace("a,", '"a",'),
        GOOD.replace("2.5", "25e-1").replace("10", "10.0").replace("-3", "-3."),
    ],
)
def test_cells_are_read(recipe: Recipe, text: str) -> None:
    table = read(recipe, text)
    assert table.rows.tolist() == [[1, 2.5], [10, -3]]
    assert table.targets[:, 0].tolist() == [False, True]
    assert (table.rows.dtype.name, table.targets.dtype.name) == ("float64", "bool")
    assert table.dropped == 1


def test_columns_are_in_the_schema_s_order_and_others_are_ignored(recipe: Recipe) -> None:
    table = read(recipe, "c,x,b,x,a,\nno,?,0.5,,1,\nyes,,7,é,2,\n")
    assert table.rows.tolist() == [[1, 0.5], [2, 7]]


def test_rows_with_an_empty_cell_are_dropped(recipe: Recipe) -> None:
    table = read(recipe, "a,b,c\n,2,no\n1,2,no\n3,,yes\n4, ,yes\n5,6,yes\n,,no\n")
    assert table.rows.tolist() == [[1, 2], [5, 6]]
    assert table.targets[:, 0].tolist() == [False, True]
    assert table.dropped == 4


@given(st.lists(st.tuples(st.integers(1, 10), st.floats(allow_nan=False, allow_infinity=False))))
def test_numbers_are_read_exactly(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float]]
) -> None:
    recipe = load_recipe("article")
    path = tmp_path_factory.getbasetemp() / "exact.csv"
    names = recipe.schema.names
    free = [feature.model_copy(update={"minimum": None}) for feature in recipe.schema.features]
    free[1] = free[1].model_copy(update={"type": "number", "maximum": None})
    schema = recipe.schema.model_copy(update={"features": tuple(free)})
    recipe = with_keys(replace(recipe, schema=schema), data={"file": path})
    rows = [(1, 0.0), (10, -0.0), *rows]
    lines = [f"{a},{b!r}{',5' * 7},{('benign', 'malignant')[a > 5]}" for a, b in rows]
    path.write_text("\n".join([",".join([*names, "class"]), *lines]))
    table = read_table(recipe)
    assert table.rows[:, :2].tolist() == [[a, b] for a, b in rows]
    assert table.targets[:, 0].tolist() == [a > 5 for a, _ in rows]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it has no header"),
        ("\n\r\n", "it has no header"),
        ("a,b,c\n", "it has no rows"),
        ("a,b,c\n1,2,no\n\n3,yes\n", "line 4 has 2 cells, the header 3"),
        ("a,b,c\n1,2,no,\n2,3,yes\n", "line 2 has 4 cells, the header 3"),
        ("a,b,c\n1,2,no,9\n2,3,yes,9\n", "line 2 has 4 cells, the header 3"),
        ("a,b,c\n1,2,no\n \n", "line 3 has 1 cells, the header 3"),
        ('a,b,c\n1,2,"no\n2,3,yes\n', "line 2: unexpected end of data"),
        ('a,b,c\n1,2,"no"t\n', "line 2: ',' expected after '\"'"),
        (f"a,b,c\n1,{'2' * 200_000},no\n", "line 2: field larger than field limit (131072)"),
    ],
)
def test_invalid_csv_is_rejected(recipe: Recipe, text: str, message: str) -> None:
    assert error_text(recipe, text) == f"not a CSV table: {message}"


@pytest.mark.parametrize("content", [bytes(range(256)), GOOD.encode("utf-16"), b"a,b,c\n\xff"])
def test_file_of_another_encoding_than_the_recipe_s_is_rejected(
    recipe: Recipe, content: bytes
) -> None:
    stated = with_keys(recipe, data={"encoding": "utf-8"})
    assert error_text(stated, content) == "cannot be read: not UTF-8 text"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\n1,no\n", "no column 'b'; the columns are a, c"),
        ("a,b,d\n1,2,no\n", "no column 'c'; the columns are a, b, d"),
        ("a:b:c\n1:2:no\n", "no column 'a'; the columns are a:b:c"),
        ("a,b,c,a\n1,2,no,1\n", "column 'a' occurs 2 times: rename or remove the others"),
        ("c,a,b,c,c\nno,1,2,no,no\n", "column 'c' occurs 3 times: rename or remove the others"),
        ("a,b,c\n1,2,no\n3,4,no\n", "column 'c' holds one class only ('no'), two are needed"),
        ("a,b,c\n1,2,yes\n", "column 'c' holds one class only ('yes'), two are needed"),
        ("a,b,c\n1,2,no\n3,4,YES\n", "line 3, column 'c': must be one of no, yes"),
        ("a,b,c\n1,2,no\n3,4,yes\n5,6,\n", "line 4, column 'c': must be one of no, yes"),
        ("a,b,c\n1,2,no\n\n\n11,2,yes\n", f"line 5, column 'a': {RULE}"),
        ('a,b,c,d\n1,2,no,"x\n\ny"\n11,2,yes,z\n', f"line 5, column 'a': {RULE}"),
        ('a,b,c,d\n1,2,no,x\n11,2,yes,"y\nz"\n', f"line 3, column 'a': {RULE}"),
    ],
)
def test_invalid_table_is_rejected(recipe: Recipe, text: str, message: str) -> None:
    assert error_text(recipe, text) == message


@pytest.mark.parametrize(
    "cell", "0 11 1.5 -1 1e2 inf nan NaN NA null None True 0x5 1_0 1/2 - ? 1e999 50%".split()
)
def test_invalid_cell_is_rejected(recipe: Recipe, cell: str) -> None:
    text = f"a,b,c\n1,2,no\n2,3,yes\n{cell},4,yes\n"
    message = error_text(recipe, text)
    assert message == f"line 4, column 'a': {RULE}"


@pytest.mark.parametrize("cell", ["x", "inf", "-Infinity", "NAN", "-nan", '"1 00"', "1e999"])
def test_optional_cell_must_be_a_number(recipe: Recipe, cell: str) -> None:
    message = error_text(recipe, f"a,b,c\n1,{cell},no\n2,3,yes\n")
    assert message == "line 2, column 'b': must be a number or empty"


@pytest.mark.parametrize(
    "text", ['a,b,c\n1,"1,5",no\n', "a;b;c\n1;1,5;no\n", "a\tb\tc\n1\t1,500\tno"]
)
def test_decimal_comma_is_rejected_in_words(recipe: Recipe, text: str) -> None:
    rule = "must be a number or empty, written with a decimal point"
    assert error_text(recipe, text) == f"line 2, column 'b': {rule}"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(recipe: Recipe, delimiter: str) -> None:
    table = read(recipe, GOOD.replace(",", delimiter))
    assert table.rows.tolist() == [[1, 2.5], [10, -3]]


def test_unreadable_file_is_rejected(recipe: Recipe) -> None:
    path = recipe.data.file

    def reading_error(given: Recipe) -> str:
        with pytest.raises(DataError) as error:
            read_table(given)
        return str(error.value)

    assert reading_error(recipe) == f"{path}: cannot be read: No such file or directory"
    path.mkdir()
    assert reading_error(recipe) == f"{path}: cannot be read: not a regular file"
    invalid = recipe.data.model_copy(update={"file": Path("a\0b")})
    message = "a\0b: cannot be read: embedded null byte"
    assert reading_error(replace(recipe, data=invalid)) == message


# Other columns than features and target


def with_keys(recipe: Recipe, **sections: Mapping[str, object]) -> Recipe:
    """Return the recipe with some keys of its sections replaced."""
    changed: dict[str, Any] = {
        key: getattr(recipe, key).model_copy(update=values) for key, values in sections.items()
    }
    return replace(recipe, **changed)


FULL = "a,b,c,patient,w,set\n1,2.5,no,p1,1,train\n?,,yes,p2,0.5,test\n10,-,yes,p2,2,train\n"


def test_each_row_without_a_group_is_a_separate_group(recipe: Recipe) -> None:
    grouped = with_keys(recipe, data={"group": "patient", "missing_values": ["unknown"]})
    patients = ["p1", "", "NA", "p1", "", "unknown", "p2"]
    table = read(
        grouped, "a,b,c,patient\n" + "".join(f"1,2,no,{p}\n2,3,yes,{p}\n" for p in patients)
    )
    numbers = table.group_numbers().reshape(-1, 2)
    with_owner = [patient in ("p1", "p2") for patient in patients]
    assert (numbers[:, 0] == numbers[:, 1]).tolist() == with_owner
    assert numbers[0].tolist() == numbers[3].tolist()
    assert len(np.unique(numbers)) == 2 + 2 * 4


def test_groups_weights_and_split_column(recipe: Recipe) -> None:
    data = {"group": "patient", "weight": "w", "missing": "median", "missing_values": ["?", "-"]}
    split = {"column": "set", "validation": "test", "train": None}
    table = read(with_keys(recipe, data=data, split=split), FULL)
    np.testing.assert_array_equal(table.rows, [[1, 2.5], [np.nan] * 2, [10, np.nan]])
    assert table.groups is not None
    assert table.groups.tolist() == ["p1", "p2", "p2"]
    assert table.weights is not None
    assert table.weights.tolist() == [1, 0.5, 2]
    changed = with_keys(recipe, data=data, split=split)
    train, validation, _ = split_table(table, changed.split, changed.schema.target)
    assert train.targets[:, 0].tolist() == [False, True]
    assert validation.weights is not None
    assert validation.weights.tolist() == [0.5]
    dropping = with_keys(recipe, data={**data, "missing": "drop"}, split=split)
    dropped = read(dropping, FULL + "3,3,yes,p3,1,train\n")
    assert (len(dropped.rows), dropped.dropped) == (2, 2)


def test_labels_are_mapped(recipe: Recipe) -> None:
    text = "a,b,c\n1,1,2\n2,2,4\n3,3,unsure\n4,4,yes\n5,,2\n"
    labels = {"2": "no", "4": "yes", "unsure": ""}
    table = read(with_keys(recipe, data={"labels": labels}), text)
    assert table.targets[:, 0].tolist() == [False, True, True]
    assert table.rows[:, 0].tolist() == [1, 2, 4]
    assert table.dropped == 2
    with pytest.raises(DataError, match=r"line 6, column 'c': must be one of no, yes"):
        read(with_keys(recipe, data={"labels": labels}), text.replace("5,,2", "5,1,x"))


def test_labels_are_mapped_from_any_spelling(recipe: Recipe) -> None:
    labels = {"2": "no", "4": "yes", "": "", "x": ""}
    text = "a,b,c\n1,1,2.0\n2,2,4.0\n3,3,\n4,4,x\n"
    table = read(with_keys(recipe, data={"labels": labels}), text)
    assert table.targets[:, 0].tolist() == [False, True]
    assert table.dropped == 2


def test_decimal_comma_of_a_recipe(recipe: Recipe) -> None:
    text = "a;b;c;w\n1;2,5;no;0,5\n2;1.234,5;yes;1\n"
    data = {"decimal": ",", "weight": "w"}
    table = read(with_keys(recipe, data=data), text)
    assert table.rows.tolist() == [[1, 2.5], [2, 1234.5]]
    assert table.weights is not None
    assert table.weights.tolist() == [0.5, 1]
    rule = "must be a number or empty, written with a decimal comma"
    message = error_text(with_keys(recipe, data=data), text.replace("2,5", "2.5"))
    assert message == f"line 2, column 'b': {rule}"


def test_delimiter_and_encoding_of_a_recipe(recipe: Recipe) -> None:
    data = {"delimiter": "|", "encoding": "cp1250", "classes": (), "labels": {"ž": "yes"}}
    text = "a|b|c|a;b;c\n1|2|no|0\n2|3|ž|0\n"
    table = read(with_keys(recipe, data=data), text.encode("cp1250"))
    assert table.targets[:, 0].tolist() == [False, True]


def test_weights_must_be_numbers(recipe: Recipe) -> None:
    for cell in ("x", "-1", "", "inf"):
        with pytest.raises(DataError, match=r"line 3, column 'w': must be a number, at least 0$"):
            read(with_keys(recipe, data={"weight": "w"}), f"a,b,c,w\n1,2,no,1\n1,2,yes,{cell}\n")
    with pytest.raises(DataError, match="no column 'patient'; the columns are a, b, c"):
        read(with_keys(recipe, data={"group": "patient"}), GOOD)


def test_categories_and_booleans(recipe: Recipe) -> None:
    features = (
        Feature(name="a", type="category", categories=("red", "dark blue")),
        Feature(name="b", type="boolean", may_be_missing=True),
    )
    kinds = replace(recipe, schema=Schema(features=features, target=recipe.schema.target))
    text = "a,b,c\nred,true,no\ndark blue,0,yes\nred,,yes\n red ,FALSE,no\n"
    assert read(kinds, text).rows.tolist() == [[0, 1], [1, 0], [0, 0]]
    for cells, message in (
        ("green,1", "line 2, column 'a': must be one of red, dark blue"),
        ("red,maybe", "line 2, column 'b': must be true or false or empty"),
    ):
        assert error_text(kinds, f"a,b,c\n{cells},no\nred,1,yes\n") == message


# split_table


def split_values(recipe: Recipe, **split: object) -> tuple[list[float], list[float]]:
    """Return the first feature's values of the rows that train and that validate."""
    lines = [f"{k},0,{'yes' if k % 3 else 'no'}" for k in range(1, 11)]
    text = "\n".join(["a,b,c", *lines])
    changed = with_keys(recipe, split={"train": None, **split})
    recipe.data.file.write_text(text)
    partitions = read_partitions(changed)
    train, validation = partitions.train, partitions.validation
    return train.rows[:, 0].tolist(), validation.rows[:, 0].tolist()


def test_split_by_ranges_and_fraction(recipe: Recipe) -> None:
    train, validation = split_values(recipe, train=(1, 4), validation=(6, 8))
    assert train == [2, 3, 4]
    assert validation == [7, 8]
    train, validation = split_values(recipe, validation=0.4)
    assert len(validation) == 4
    assert sorted(train + validation) == list(range(1, 11))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            {"train": (0, 11), "validation": (11, 12)},
            "split.train ends at row 11, the",
        ),
        ({"train": (0, 5), "validation": (7, 99)}, "split.validation ends at row 99, the table"),
        ({"train": (0, 2), "validation": (4, 9)}, "split.train holds one class only, two are need"),
        ({"validation": 0.001}, "split.validation: a fraction of 0.001 leaves one part empty"),
    ],
)
def test_invalid_split_is_rejected(recipe: Recipe, split: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as error:
        split_values(recipe, **split)
    assert str(error.value).startswith(message)
