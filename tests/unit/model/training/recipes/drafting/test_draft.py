"""first_recipe: the generated recipe loads, trains, and describes its table."""

import itertools
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model.errors import DataError
from model.pipelines.train import train
from model.training.recipes.bundled import BUNDLED
from model.training.recipes.drafting.draft import first_recipe
from model.training.recipes.recipe import Recipe, load_recipe
from model.training.tables.partitions import read_table
from model.training.tables.readers import read_frame

WISCONSIN = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"
LONG = "x" * 101
TABLE = f"""patient_id,age,colour,smokes,{LONG},same,height,outcome
1,30,red,true,a:b,1,1.5,ill
2,41,dark blue,false,c,1,,well
2,55,red,,d,1,1.75,well
3,62,red,true,e,1,2.25,well
"""


def generate(tmp_path: Path, text: str, target: str | None = None) -> tuple[str, Recipe]:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    recipe = first_recipe(read_frame(path), Path("rows.csv"), "mine", target)
    (tmp_path / "mine.toml").write_text(recipe)
    return recipe, load_recipe(str(tmp_path / "mine.toml"))


def test_types_ranges_group_and_target_are_detected(tmp_path: Path) -> None:
    text, recipe = generate(tmp_path, TABLE)
    found = {each.name: each for each in recipe.schema.features}
    assert list(found) == ["age", "colour", "smokes", "height"]
    age = found["age"]
    assert (age.type, age.minimum, age.maximum, age.may_be_missing) == ("integer", 30, 62, False)
    assert found["colour"].categories == ("dark blue", "red")
    assert (found["smokes"].type, found["smokes"].may_be_missing) == ("boolean", True)
    assert (found["height"].type, found["height"].minimum) == ("number", 1.5)
    data = recipe.data
    assert (data.target, data.negative, data.positive) == ("outcome", "well", "ill")
    assert data.group == "patient_id"
    assert f"# {LONG[:89]} (column 5) is left out: its texts are all different" in text
    assert "# same is left out: it is the same in every row" in text
    assert "# patient_id is left out: it identifies the row" in text


def test_the_texts_for_display_can_be_filled_in(tmp_path: Path) -> None:
    text, _ = generate(tmp_path, TABLE)
    start = text.index("    #   label = ")
    block = text[start : text.index("    # typical is")]
    keys = " ".join(line.strip("# ") for line in block.splitlines())
    filled = text.replace('{ name = "age",', f'{{ name = "age", {keys},').replace(
        "typical = 5", "typical = 41"
    )
    filled = filled.replace('{ 1 = "low", 10 = "high" }', '{ 30 = "low", 62 = "high" }')
    (tmp_path / "mine.toml").write_text(filled)
    age = next(
        f for f in load_recipe(str(tmp_path / "mine.toml")).schema.features if f.name == "age"
    )
    assert (age.label, age.unit, age.group) == ("Name for display", "mg/dL", "Heading")
    assert (age.step, age.typical, age.levels) == (1, 41, {30: "low", 62: "high"})


@pytest.mark.parametrize("marker", ["NA", "?", "NaN", "null"])
def test_markers_are_missing_values(tmp_path: Path, marker: str) -> None:
    text = TABLE.replace(",,", f",{marker},")
    assert text.count(marker) == 2
    expected = generate(tmp_path, TABLE)[1].schema
    recipe = generate(tmp_path, text.replace(",", ";"))[1]
    assert recipe.schema == expected
    assert np.isnan(read_table(recipe).rows).sum() == 2


def test_wisconsin_table_trains_with_its_first_recipe(tmp_path: Path) -> None:
    recipe_text = first_recipe(read_frame(WISCONSIN), WISCONSIN, "wisconsin-first")
    path = tmp_path / "first.toml"
    path.write_text(recipe_text)
    recipe = load_recipe(str(path))
    assert len(recipe.schema.features) == 9
    assert [each.name for each in recipe.schema.features if each.may_be_missing] == ["bare_nuclei"]
    trained = train(recipe)
    assert trained.outcome.history.best.metrics["accuracy"] > 0.94
    assert trained.table.dropped == 0


@pytest.mark.parametrize(
    ("cells", "task", "line"),
    [
        (("red", "blue", "green"), "multi_class", 'classes = ["blue", "green", "red"]'),
        (("10", "9", "2"), "multi_class", 'classes = ["2", "9", "10"]'),
        ([str(k / 4) for k in range(40)], "regression", '# unit = "mm"'),
    ],
)
def test_other_tasks_train(tmp_path: Path, cells: list[str], task: str, line: str) -> None:
    lines = [f"{k / 10},{cells[k % len(cells)]}" for k in range(80)]
    text, recipe = generate(tmp_path, "\n".join(["x,y", *lines, ""]))
    assert (recipe.schema.target.task, line in text) == (task, True)
    assert train(recipe).outcome.history.records


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (TABLE, "same", "target 'same' holds one value only"),
        (TABLE, "weight", "no column 'weight'; the columns are patient_id, age, colour"),
        ("a,b\n1,x\n2,x\n", None, "target 'b' holds one value only"),
        ("a,b\n" + "".join(f"1,x{k}\n" for k in range(30)), None, "target 'b' holds 30 different"),
    ],
)
def test_target_that_fits_no_task_is_rejected(
    tmp_path: Path, text: str, target: str | None, message: str
) -> None:
    with pytest.raises(DataError, match=f"^rows.csv: {message}"):
        generate(tmp_path, text, target)


def test_the_target_is_named_in_any_normal_form(tmp_path: Path) -> None:
    named = unicodedata.normalize("NFD", " größe ")
    text, _ = generate(tmp_path, "a,größe,b\n" + "1,x,2\n2,y,4\n3,x,3\n" * 2, named)
    assert 'target = "größe"' in text


def table(rows: int = 60, /, **columns: Sequence[object]) -> str:
    """A table of a normal feature and other columns, which repeat their cells."""
    draw = random.Random(0)
    given = {"a": [f"{draw.gauss(0, 1):.3f}" for _ in range(rows)], **columns}
    cells = zip(
        *(itertools.islice(itertools.cycle(each), rows) for each in given.values()), strict=True
    )
    return "\n".join([",".join(given), *(",".join(map(str, row)) for row in cells), ""])


@pytest.mark.parametrize(
    ("cells", "positive", "why"),
    [
        (("yes", "yes", "no"), "yes", "By its meaning, this class"),
        (("2", "2", "4"), "4", "The rarer class"),
        (("dead", "dead", "alive"), "dead", "By its meaning, this class"),
    ],
)
def test_the_positive_label_is_chosen_by_meaning_or_is_the_rarer(
    tmp_path: Path, cells: tuple[str, ...], positive: str, why: str
) -> None:
    text, recipe = generate(tmp_path, table(y=cells))
    assert recipe.data.positive == positive
    assert f"# {why} is assumed to be the positive one." in text


@pytest.mark.parametrize("cells", [("ill", "well", "well", ""), ("1.5", "2.5", "", "inf", "3")])
def test_rows_without_a_target_are_left_out(tmp_path: Path, cells: tuple[str, ...]) -> None:
    text, recipe = generate(tmp_path, table(y=cells))
    dropped = read_table(recipe).dropped
    assert dropped > 0
    assert f"# {dropped} rows without a value of the target are left out." in text


def test_few_whole_numbers_are_classes_and_fractions_are_not(tmp_path: Path) -> None:
    text, recipe = generate(tmp_path, table(y=["1", "2", "3"]))
    assert recipe.schema.target.task == "multi_class"
    assert "# If these numbers are amounts rather than classes" in text
    recipe = generate(tmp_path, table(18, y=[f"{k / 8}" for k in range(18)]))[1]
    assert recipe.schema.target.task == "regression"


def test_a_label_that_is_too_long_gets_a_shorter_name(tmp_path: Path) -> None:
    recipe = generate(tmp_path, table(y=["Y" * 120, "N", "N"]))[1]
    assert recipe.data.positive == "Y" * 80 + " (class 2)"
    assert read_table(recipe).targets.sum() == 20


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([""], "it has no value in any row"),
        (["", "7"], "it is the same in every row that has a value"),
        (["7"] * 59 + ["8"], "it is the same in every row but one"),
        (["2024-01-02", "2024-01-03", "31.12.2023 10:00"], "it holds dates."),
        (["3 Mar 2024", "March 4 2024"], "it holds dates."),
        ([f"n{k}" for k in range(60)], "its texts are all different"),
        (range(1, 61), "it numbers the rows"),
        (["1e300", "2"], "its numbers are larger than 2^63"),
        (["b" * 101, "c"], "its 2 different texts are too rare, too long or too odd"),
        ([f"n{k}" for k in range(30)], "its 30 different texts are too rare"),
        ([*"123", *[""] * 57], "it has a value in 3 rows only"),
    ],
)
def test_columns_that_describe_nothing_are_left_out_with_the_reason(
    tmp_path: Path, cells: Sequence[object], reason: str
) -> None:
    text, recipe = generate(tmp_path, table(b=cells, y=["yes", "no", "no"]))
    assert recipe.schema.names == ("a",)
    assert f"    # b is left out: {reason}" in text


def test_rare_texts_of_many_count_as_other(tmp_path: Path) -> None:
    rare = [f"n{k}" for k in range(20)]
    text, recipe = generate(tmp_path, table(b=["u", "v"] * 20 + rare, y=["yes", "no", "no"]))
    feature = recipe.schema.features[1]
    assert (feature.categories, feature.unseen) == (("u", "v"), "other")
    assert "# 20 rarer texts count as other" in text
    assert np.isin(read_table(recipe).rows[:, 1], [0, 1]).sum() == 40


def test_spellings_of_missing_and_infinite_numbers_are_written(tmp_path: Path) -> None:
    recipe = generate(tmp_path, table(b=["1.5", "-", "inf", "2", "NA"], y=["yes", "no", "no"]))[1]
    assert recipe.data.missing_values == ["-", "inf"]
    assert recipe.schema.features[1].type == "number"
    assert np.isnan(read_table(recipe).rows[:, 1]).sum() == 36


def test_a_name_that_the_service_cannot_take_gets_another_one(tmp_path: Path) -> None:
    text = table(
        **{"instances": ["1", "2", "4"], "": ["5", "5", "8"], "y": ["yes", "no", "no", "no"]}
    )
    recipe = generate(tmp_path, text)[1]
    assert recipe.schema.names == ("a", "instances (column 2)", "column 3")
    assert recipe.schema.sources == ("a", "instances", "")
    assert read_table(recipe).rows[0, 1:].tolist() == [1, 5]


def test_the_default_target_can_be_one(tmp_path: Path) -> None:
    text, recipe = generate(tmp_path, table(b=["ill", "well"], notes=[f"n{k}" for k in range(60)]))
    assert recipe.data.target == "b"
    assert "# This column is the last one that can be a target." in text


def test_a_table_without_features_is_rejected(tmp_path: Path) -> None:
    text = table(a=[f"c{k}" for k in range(60)], y=["yes", "no"])
    with pytest.raises(
        DataError, match=r"^rows.csv: no column can be a feature \(a is left out: its"
    ):
        generate(tmp_path, text)


def test_row_numbers_are_a_feature_if_there_is_no_other(tmp_path: Path) -> None:
    recipe = generate(tmp_path, table(a=range(60), y=["yes", "no"]))[1]
    assert recipe.schema.names == ("a",)
