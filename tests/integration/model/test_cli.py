"""The commands train and export onnx: outputs, and errors in one line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from model.artifacts import artifact
from model.training.recipes.bundled import BUNDLED

pytestmark = pytest.mark.usefixtures("few_draws")

Program = Callable[..., tuple[int, str, str]]
PNG = b"\x89PNG\r\n\x1a\n"
DATA = BUNDLED.parent.parent / "data" / "breast-cancer-wisconsin.csv"


def test_the_command_line_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "model", "train", "no-such-recipe"]
    done = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: no recipe 'no-such-recipe': the bundled ones are article, "
    )
    assert list(tmp_path.iterdir()) == []


def test_train_prints_its_tables_and_writes_artifact_and_pictures(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "mine.joblib"
    code, out, err = program("train", "article", "--output", path)
    assert (code, err) == (0, "")
    rows = [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]
    for line in (
        "0 0.673967 0.684673 0.6593",
        "3500 0.122107 0.045920 1.0000",
        "validation 0.9 0.9890 141 0 2 39",
    ):
        assert line in rows
    predictor = artifact.load(path)
    assert f"article@{predictor.version[:12]}" in out
    pictures = [path.with_name(f"mine.{name}.png") for name in ("loss", "confusion", "features")]
    report = path.with_name("mine.report.html")
    assert sorted(path.parent.iterdir()) == sorted([path, report, *pictures])
    assert str(report) in out
    assert f"<h1>Report: {predictor.title}</h1>" in report.read_text(encoding="utf-8")
    assert all(picture.read_bytes().startswith(PNG) for picture in pictures)


@pytest.mark.usefixtures("no_pictures")
def test_the_default_output_is_named_after_the_recipe(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "quick.toml"
    recipe.write_text('extends = "article"\nname = "quick"\n[training]\nepochs = 3\n')
    assert program("train", recipe)[0] == 0
    assert artifact.load(tmp_path / "artifacts" / "quick.joblib").name == "quick"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "[training]\nlearning_rat = 1",
            "training has no 'learning_rat': did you mean learning_rate?",
        ),
        (
            "[training]\nlearning_rate = -1",
            "training.learning_rate must be a finite number above 0, got -1",
        ),
        ("[data]\nfile = 'no.csv'", "no.csv: cannot be read: No such file or directory"),
        ("[data]\nfile = 'broken.csv'", "broken.csv: line 3, column 'mitoses': must be an integer"),
        ("[data]\nfile = 'benign.csv'", "benign.csv: column 'class' holds one class only"),
        ("[data]\nfile = 'short.csv'", "short.csv: no column 'uniformity_of_cell_size'"),
        ("[data]\ntarget = 'klass'", "breast-cancer-wisconsin.csv: no column 'klass'"),
        (
            "[training]\nlearning_rate = 1e300",
            "no longer a number at step 1, epoch 1, with learning rate 1e+300",
        ),
    ],
)
def test_invalid_input_is_rejected_in_one_line(
    program: Program, tmp_path: Path, change: str, message: str
) -> None:
    lines = DATA.read_text().splitlines()
    benign = [line for line in lines if not line.endswith("malignant")]
    (tmp_path / "benign.csv").write_text("\n".join(benign))
    (tmp_path / "broken.csv").write_text("\n".join([*lines[:2], lines[2].replace(",1,b", ",x,b")]))
    (tmp_path / "short.csv").write_text("patient_id,clump_thickness,class\n1,2,benign\n")
    recipe = tmp_path / "mine.toml"
    lead = f"[data]\nfile = '{DATA}'\n" if not change.startswith("[data]") else ""
    if change == "[data]\ntarget = 'klass'":
        change = f"{change}\nfile = '{DATA}'"
    recipe.write_text(f'extends = "article"\nname = "mine"\n{lead}{change}\n')
    code, _, err = program("train", recipe, "--output", tmp_path / "out.joblib")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out*"))
    assert not list(tmp_path.glob(".out*"))


def test_an_output_that_is_a_folder_is_rejected(program: Program, tmp_path: Path) -> None:
    code, _, err = program("train", "--output", tmp_path)
    assert code == 2
    assert err == f"error: --output: {tmp_path} is a folder, it must be a file\n"


def test_an_unknown_recipe_is_rejected_with_a_suggestion(program: Program) -> None:
    code, _, err = program("train", "artcle")
    assert code == 2
    assert err.startswith("error: no recipe 'artcle': did you mean article?")


@pytest.mark.reference
def test_export_onnx_writes_beside_the_artifact_or_to_the_output(
    program: Program, artifact_path: Path, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra oracles: make oracles")
    source, other = tmp_path / "mine.joblib", tmp_path / "new" / "other.onnx"
    source.write_bytes(artifact_path.read_bytes())
    version = artifact.load(source).version
    runs: dict[Path, list[str | Path]] = {
        source.with_suffix(".onnx"): [],
        other: ["--output", other],
    }
    for path, options in runs.items():
        code, out, err = program("export", "onnx", source, *options)
        assert (code, out, err) == (0, f"{path}  article@{version[:12]}\n", "")
        metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert metadata["version"] == version
    assert sorted(tmp_path.rglob("*.*")) == sorted([source, source.with_suffix(".onnx"), other])


def test_export_onnx_shows_an_example(program: Program) -> None:
    code, out, _ = program("export", "onnx", "--help")
    assert code == 0
    assert "Example: malignancy export onnx artifacts/wisconsin.joblib" in out


def test_export_onnx_without_the_package_says_what_to_install(
    program: Program, artifact_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)  # importing it now fails
    code, _, err = program("export", "onnx", artifact_path, "--output", tmp_path / "new" / "x.onnx")
    text = "exporting to ONNX needs the onnx extra: pip install 'malignancy[onnx]'"
    assert (code, err) == (2, f"error: {text}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.reference
def test_export_onnx_rejects_invalid_paths_in_one_line(
    program: Program, artifact_path: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="needs the extra oracles: make oracles")
    before = artifact_path.read_bytes()
    broken = tmp_path / "broken.joblib"
    broken.write_bytes(before[:100])
    for source, output, message in (
        (
            tmp_path / "no.joblib",
            tmp_path / "x",
            f"{tmp_path / 'no.joblib'}: there is no such file",
        ),
        (broken, tmp_path / "x", f"{broken}: not an artifact, or a broken one"),
        (artifact_path, tmp_path, f"--output: {tmp_path} is a folder, it must be a file"),
        (artifact_path, artifact_path, f"--output: {artifact_path} is the artifact itself"),
    ):
        code, _, err = program("export", "onnx", source, "--output", output)
        assert code == 2
        assert err.startswith(f"error: {message}")
        assert len(err.splitlines()) == 1
    assert artifact_path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [broken]
