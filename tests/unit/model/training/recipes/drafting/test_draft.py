"""first_recipe: the generated recipe loads, trains, and describes its table."""

from pathlib import Path

import numpy as np
import pytest

from model.errors import DataError
from model.pipelines.train import train
from model.training.recipes.drafting.draft import first_recipe
from model.training.recipes.recipe import BUNDLED, Recipe, load_recipe
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
    assert f'# "{LONG}" is left out: not a valid feature name' in text
    assert "# same is left out: it is the same in every row" in text
    assert "# patient_id is left out: it identifies the row" in text


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
        (TABLE, "height", "target 'height' has empty cells: remove those rows"),
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
