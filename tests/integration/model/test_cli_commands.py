"""The other commands of the offline program: their output agrees with the library's results."""

import csv
import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.paths import ROOT

from model.artifacts import artifact
from model.artifacts.exclusive import exclusive
from model.artifacts.repository import current_artifact
from model.cli import app
from model.cli.commands import GROUPS
from model.metrics.threshold_metrics import binary_matrix
from model.prediction.predictor import Predictor
from model.training import memory
from model.training.recipes.bundled import BUNDLED, bundled_recipes
from model.training.recipes.recipe import load_recipe

pytestmark = pytest.mark.usefixtures("few_draws")

Program = Callable[..., tuple[int, str, str]]
PNG = b"\x89PNG\r\n\x1a\n"
DATA = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"
COMMANDS_OF_RECIPES = ("train", "describe", "lr-find", "cross-validate", "landscape")
QUICK = 'extends = "xor"\n[training]\nepochs = 3\nreport_every = 1\n'


def cells(out: str) -> list[str]:
    """Return the lines of the output without borders, with one space between cells."""
    return [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    path = tmp_path / "quick.toml"
    path.write_text(QUICK + "", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_command_has_an_example(program: Program) -> None:
    names = [command.name for command in app.registered_commands] + ["export onnx"]
    assert len(names) == 22
    assert set(names) == {command.name for group in GROUPS.values() for command in group}
    for name in names:
        if name not in ("serve", "store", "replay", "score"):  # their help is the service's
            code, out, _ = program(*str(name).split(), "--help")
            assert code == 0
            assert f"Example: malignancy {name}" in " ".join(out.split())
            assert "null" not in out
            assert "None" not in out


def test_predicting_a_table_needs_no_matplotlib(artifact_path: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from model.cli import app; app(standalone_mode=False); "
        "print('matplotlib' in sys.modules, file=sys.stderr)"
    )
    arguments = ["predict", artifact_path, DATA, "--output", tmp_path / "out.csv"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "False\n")


def test_recipes(program: Program) -> None:
    code, out, _ = program("recipes")
    assert code == 0
    for name in bundled_recipes():
        assert re.search(rf"^ {name} +\w", out, re.MULTILINE)


def test_inspect(program: Program, artifact_path: Path, predictor: Predictor) -> None:
    code, out, _ = program("inspect", artifact_path)
    assert code == 0
    lines = cells(out)
    assert f"article {predictor.version}" in lines
    assert "bare_nuclei integer an integer from 1 to 10 1" in lines
    assert any(line.startswith("recipe training.learning_rate") for line in lines) or (
        "training.learning_rate 0.01" in lines
    )
    code, out, _ = program("inspect", artifact_path, "--json")
    printed = json.loads(out)
    assert printed["version"] == predictor.version
    assert printed["schema"] == predictor.schema.model_dump(mode="json")
    assert printed["network"]["parameters"] == 166
    assert printed["scores"] == predictor.facts["scores"]


def test_evaluate(program: Program, artifact_path: Path, predictor: Predictor) -> None:
    code, out, _ = program("evaluate", artifact_path, "--threshold", "0.9", "--json")
    assert code == 0
    printed = json.loads(out)
    for name, rows in (("train", predictor.train), ("validation", predictor.validation)):
        (found,) = printed[name]["figures"]
        summary = binary_matrix(rows, 0.9).summary()
        assert found == json.loads(json.dumps({"threshold": 0.9, **summary}))
    code, out, _ = program("evaluate", artifact_path, "--threshold", "0.9")
    assert "false negative 2" in cells(out)
    assert "accuracy 0.9890 (0.961 to 0.997)" in cells(out)


def test_evaluate_shows_out_of_bag_rows(
    program: Program, wisconsin_path: Path, wisconsin: Predictor
) -> None:
    assert wisconsin.out_of_bag is not None
    code, out, _ = program("evaluate", wisconsin_path, "--threshold", "0.3", "--json")
    assert code == 0
    (found,) = json.loads(out)["out_of_bag"]["figures"]
    summary = binary_matrix(wisconsin.out_of_bag, 0.3).summary()
    assert found == json.loads(json.dumps({"threshold": 0.3, **summary}))
    code, out, _ = program("evaluate", wisconsin_path, "--threshold", "0.3")
    rows, positive = len(wisconsin.out_of_bag.targets), wisconsin.out_of_bag.targets.sum()
    assert f"out-of-bag: {rows} rows, {positive} positive" in cells(out)


@pytest.mark.usefixtures("no_pictures")
def test_commands_say_which_figures_row_weights_leave_out(program: Program, tmp_path: Path) -> None:
    rows = (f"{n},{n % 7},{n % 3 + 1},{'no' if n % 2 else 'yes'}" for n in range(60))
    (tmp_path / "w.csv").write_text("\n".join(["x,y,weight,c", *rows]))
    target = 'target = "c", negative = "no", positive = "yes"'
    more = f'data = {{ file = "w.csv", {target}, weight = "weight" }}'
    training = 'training = { optimizer = "adam", learning_rate = 0.01, epochs = 2 }'
    features = 'features = [{ name = "x" }, { name = "y" }]\nscaling.method = "standard"'
    network = 'network.hidden = [{ units = 2, activation = "tanh" }]\nsplit.validation = 0.3'
    recipe = tmp_path / "w.toml"
    recipe.write_text("\n".join(['name = "w"', features, more, network, training]))
    path = tmp_path / "w.joblib"
    for arguments in (
        ("train", recipe, "--output", path),
        ("evaluate", path),
        ("inspect", path),
        ("describe", recipe),
        ("cross-validate", recipe, "--folds", "2"),
        ("compare", recipe, recipe),
    ):
        code, out, _ = program(*arguments)
        assert code == 0
        assert "notice: weights: column weight weighs rows in training" in out, arguments


def test_predict(program: Program, artifact_path: Path, predictor: Predictor) -> None:
    code, out, err = program("predict", artifact_path, DATA, "--output", "out.csv")
    assert (code, err) == (0, "")
    assert f"out.csv 699 rows predicted by {predictor.title}, threshold 0.5" in cells(out)
    with Path("out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {"benign", "malignant"}
    for path in (DATA, artifact_path):
        code, _, err = program("predict", artifact_path, DATA, "--output", path)
        assert code == 2
        assert "itself, it must be another file" in err


def test_invalid_rows_of_a_file_are_marked_or_refused(
    program: Program, artifact_path: Path
) -> None:
    rows = DATA.read_text().replace("class", "label", 1).splitlines()
    Path("t.csv").write_text("\n".join([rows[0], rows[1].replace(",5,", ",55,", 1), rows[2]]))
    code, out, err = program("predict", artifact_path, "t.csv")
    assert (code, err) == (0, "")
    lines = cells(out)
    assert lines[0].startswith("t.scored.csv 1 rows predicted by article@")
    assert lines[1:] == [
        "rows without a prediction: 1; the column predicted_error says why",
        "names of the new columns begin with predicted_, since the table has one of them",
    ]
    with Path("t.scored.csv").open() as file:
        marked, good = csv.DictReader(file)
    rule = "clump_thickness must be an integer from 1 to 10"
    assert (marked["predicted_error"], marked["predicted_label"]) == (rule, "")
    assert (good["predicted_error"], good["predicted_label"]) == ("", "malignant")
    code, _, err = program("predict", artifact_path, "t.csv", "--on-error", "refuse")
    assert code == 2
    assert "t.csv: line 2, column 'clump_thickness': must be an integer from 1 to 10" in err


@pytest.mark.usefixtures("no_pictures")
def test_init_of_a_table_too_large_for_memory(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_MEMORY_BYTES", 20_000)
    monkeypatch.setattr("model.cli.init.MAX_ROWS", 200)  # these alone would be held in memory
    assert program("init", DATA, "--target", "class", "--output", "large.toml")[0] == 0
    recipe = load_recipe("large.toml")
    assert recipe.ensemble is not None
    assert not recipe.ensemble.bagged
    assert recipe.split.validation == 0.2
    Path("short.toml").write_text('extends = "large.toml"\ntraining.epochs = 3\n')
    code, _, err = program("train", "short.toml", "--output", "m.joblib")
    assert (code, err) == (0, "")


def test_init_describe_and_train(program: Program, tmp_path: Path) -> None:
    (tmp_path / "Rows 1.csv").write_text(DATA.read_text())
    code, out, err = program("init", "Rows 1.csv")
    assert (code, err) == (0, "")
    assert "rows-1.toml correct it, then run: malignancy train rows-1.toml" in cells(out)
    assert load_recipe("rows-1.toml").data.file == Path("Rows 1.csv")
    code, _, err = program("init", "Rows 1.csv")
    assert code == 2
    assert "exists and may contain corrections" in err
    code, out, _ = program("describe", "rows-1.toml", "--folder", "pictures")
    assert code == 0
    assert "malignant 241 34.5%" in cells(out)
    assert "bare_nuclei 16 1 1 10 1.35 7.63" in cells(out)
    pictures = sorted(Path("pictures").iterdir())
    assert [path.name for path in pictures] == ["rows-1.correlations.png", "rows-1.features.png"]
    assert all(path.read_bytes().startswith(PNG) for path in pictures)


def test_compare(program: Program, quick: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(f'extends = "{quick}"\nname = "other"\n[training]\nseed = 1\n')
    rows = []
    for jobs in ("1", "2"):
        code, out, _ = program("compare", quick, other, "--output", "all.png", "--jobs", jobs)
        assert code == 0
        rows.append([line.rsplit(" ", 1)[0] for line in cells(out) if line.startswith(("x", "o"))])
    assert rows[0] == rows[1]
    assert [row.split()[0] for row in rows[0]] == ["xor", "other"]
    assert Path("all.png").read_bytes().startswith(PNG)


def test_compare_continues_when_one_fails(program: Program, quick: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(f'extends = "{quick}"\nname = "bad"\n[training]\nlearning_rate = 1e300\n')
    code, out, _ = program("compare", bad, quick)
    assert code == 1
    assert re.search(r"^│ bad +│ +the loss is", out, re.MULTILINE)
    assert any(line.startswith("xor 65 3 ") for line in cells(out))


def test_landscape(program: Program, quick: Path) -> None:
    code, out, _ = program("landscape", quick, "--points", "5", "--folder", "here")
    assert code == 0
    names = [f"xor.landscape-{kind}.png" for kind in ("contour", "skips", "surface")]
    assert sorted(path.name for path in Path("here").iterdir()) == names
    assert re.search(r"^Adam +loss 0\.\d+ → 0\.\d+", out, re.MULTILINE)


def test_lr_find(program: Program, quick: Path) -> None:
    code, out, _ = program("lr-find", quick, "--output", "rate.png")
    assert code == 0
    assert re.search(r"^valley +0\.\d+", out)
    assert Path("rate.png").read_bytes().startswith(PNG)


def test_a_model_is_saved_whatever_becomes_of_its_pictures(
    program: Program, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise ValueError("no such glyph:\n$_$")

    monkeypatch.setattr("model.evaluation.plots.features.feature_distributions", fail)
    code, out, err = program("train", quick, "--output", "x.joblib")
    assert (code, artifact.load(Path("x.joblib")).name) == (0, "xor")
    assert err == "the pictures and the report are left out: ValueError: no such glyph: $_$\n"
    assert "report" not in out
    assert not Path("x.report.html").exists()


def test_ctrl_c_while_drawing_keeps_the_model(
    program: Program, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("model.evaluation.plots.features.feature_distributions", press)
    code, _, err = program("train", quick, "--output", "x.joblib")
    assert (code, artifact.load(Path("x.joblib")).name) == (130, "xor")
    assert err == "interrupted: the pictures and the report are left out\n"


@pytest.mark.usefixtures("no_pictures")
def test_train_says_which_epoch_is_kept(program: Program, quick: Path) -> None:
    assert "the weights of the last epoch, 3, are kept" in cells(program("train", quick)[1])
    stopping = "early_stopping = { patience = 1 }\nlearning_rate = 100.0\nepochs = 9\n"
    Path("stop.toml").write_text(f'extends = "{quick}"\n[training]\n{stopping}')
    code, out, _ = program("train", "stop.toml")
    assert code == 0
    kept = r"ended after epoch \d; the weights of epoch 0, with the lowest loss, 0\.\d{6}, are kept"
    assert any(re.fullmatch(kept, line) for line in cells(out))


@pytest.mark.usefixtures("no_pictures")
def test_a_checkpoint_at_the_path_of_the_artifact_is_rejected(
    program: Program, quick: Path
) -> None:
    code, _, err = program("train", quick, "--output", "x.joblib", "--checkpoint", "./x.joblib")
    assert code == 2
    assert err == "error: --checkpoint: x.joblib is the artifact itself, it must be another file\n"
    code, _, _ = program("train", quick, "--output", "x.joblib", "--checkpoint", "x.state")
    assert code == 0
    assert artifact.load(Path("x.joblib")).name == "xor"
    assert not Path("x.state").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        "train none",
        "describe none",
        "compare none xor",
        "lr-find none",
        "landscape none",
        "inspect none.joblib",
        "evaluate none.joblib",
        "predict none.joblib none.csv",
        "init none.csv",
        "export onnx none.joblib",
    ],
)
def test_a_missing_input_is_reported_in_one_line(program: Program, arguments: str) -> None:
    code, out, err = program(*arguments.split())
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_ctrl_c_before_the_first_weights_saves_nothing(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model.cli.train.train", press)
    code, _, err = program("train", "xor")
    assert (code, err) == (130, "interrupted: nothing was saved\n")


def test_promote(program: Program, predictor: Predictor, tmp_path: Path) -> None:
    for name in ("a", "b"):
        artifact.save(predictor, tmp_path / f"{name}.joblib")
    code, out, _ = program("promote", tmp_path / "b.joblib")
    assert (code, out) == (0, f"{predictor.title} is the active version in {tmp_path}\n")
    assert current_artifact(tmp_path) == tmp_path / "b.joblib"
    test = dataclasses.replace(predictor.self_test, predictions=1 - predictor.self_test.predictions)
    artifact.save(dataclasses.replace(predictor, self_test=test), tmp_path / "a.joblib")
    code, _, err = program("promote", tmp_path / "a.joblib")
    assert code == 2
    assert "self-test" in err
    assert current_artifact(tmp_path) == tmp_path / "b.joblib"


def test_promote_unless_worse(program: Program, predictor: Predictor, tmp_path: Path) -> None:
    rows = predictor.validation
    worse = dataclasses.replace(
        predictor, validation=dataclasses.replace(rows, predictions=1 - rows.predictions)
    )
    first, second = tmp_path / "first.joblib", tmp_path / "second.joblib"
    artifact.save(predictor, first)
    assert program("promote", first, "--unless-worse")[0] == 0  # there is no other version
    artifact.save(worse, second)
    code, out, _ = program("promote", second, "--unless-worse")
    assert code == 1
    assert "not promoted: significantly worse in log loss, brier, accuracy" in out
    assert f"{len(rows.targets)} validation rows" in out
    assert current_artifact(tmp_path) == first
    assert program("promote", second)[0] == 0
    assert program("promote", first, "--unless-worse")[0] == 0
    assert current_artifact(tmp_path) == first
    few = dataclasses.replace(rows, groups=rows.groups % 9)
    for path in (first, second):
        artifact.save(dataclasses.replace(predictor, validation=few), path)
    code, _, err = program("promote", second, "--unless-worse")
    assert code == 2
    assert "cannot be judged" in err
    assert current_artifact(tmp_path) == first


def test_two_trainings_do_not_write_the_same_files(program: Program, quick: Path) -> None:
    output, checkpoint = Path("out/model.joblib"), Path("out/state.npz")
    output.parent.mkdir()
    arguments = ("train", str(quick), "--output", str(output), "--checkpoint", str(checkpoint))
    for held in (Path("out/model.report.html"), checkpoint):
        with exclusive(held):
            code, _, err = program(*arguments)
            assert (code, "another program is writing it" in err) == (2, True)
            assert [each.name for each in output.parent.iterdir()] == [f".{held.name}.lock"]
    assert program(*arguments)[0] == 0
    assert not [each.name for each in output.parent.iterdir() if each.name.endswith(".lock")]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(program: Program, kind: str, artifact_path: Path) -> None:
    special = [Path("table.csv"), Path("recipe.toml"), Path("model.joblib")]
    for path in special:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()
    table, recipe, model = map(str, special)
    Path("own.toml").write_text(f'extends = "xor"\n[data]\nfile = "{table}"\n')
    for arguments in (
        ("init", table),
        ("predict", str(artifact_path), table),
        *((name, given) for name in COMMANDS_OF_RECIPES for given in (recipe, "own.toml")),
        ("compare", "xor", recipe),
        ("inspect", model),
    ):
        code, _, err = program(*arguments)
        assert (code, err.count("\n")) == (2, 1), (arguments, err)
        assert "not a file" in err or "not a regular file" in err
