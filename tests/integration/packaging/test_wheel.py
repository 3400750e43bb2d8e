"""The wheel, installed in new virtual environments: training, serving, and the files of a user."""

import csv
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.paths import DATA, ROOT
from support.wheel_install import PYTHON, Installed, build

from model.training.recipes.bundled import bundled_recipes

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.timeout(1200)]

MAX_PACKAGES = 26
# Of a ready service with one worker. Resident memory includes pages of the files of libraries, of
# which the kernel maps 26 to 32 MB; private memory varies by less than 1 %.
MAX_RESIDENT_BYTES = 80 << 20
MAX_PRIVATE_BYTES = 52_000_000
ROW = [5, 1, 1, 1, 2, 1, 3, 1, 1]
SHADOWS = ("model", "service", "numpy", "random", "socket", "typing", "uvicorn")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def serving(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed.create(tmp_path_factory.mktemp("serving") / "venv", wheel)


@pytest.fixture(scope="module")
def training(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("training") / "venv"
    return Installed.create(folder, wheel, "[train]", "--no-compile")  # few modules are imported


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder whose Python files have names of modules, and fail when imported."""
    folder = tmp_path_factory.mktemp("user") / "folder"
    folder.mkdir()
    for name in SHADOWS:
        text = f"raise SystemExit('{name}.py of the working directory was imported')\n"
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(training: Installed, folder: Path) -> Path:
    """The artifact of `malignancy train wisconsin`, whose members train in two processes."""
    done = training.run("train", "wisconsin", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "artifacts/wisconsin.joblib"


def test_two_builds_have_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    """The second one is of a copy, whose files have other times and modes."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    copy = tmp_path / "copy"
    for name in listed.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
            (copy / name).chmod(0o600)
    again = build(copy, tmp_path / "wheel")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_contents(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(
            next(name for name in names if name.endswith(".dist-info/METADATA"))
        ).decode()
        for table in DATA.glob("*.csv"):
            assert archive.read(f"model/data/{table.name}") == table.read_bytes()
    assert {f"model/recipes/{name}.toml" for name in bundled_recipes()} <= names
    packages = {"malignancy", "model", "service"}
    assert {f"{name}/py.typed" for name in packages} | {"service/page/static/index.html"} <= names
    folders = {name.partition("/")[0] for name in names}
    assert {each for each in folders if not each.endswith(".dist-info")} == packages
    assert not [name for name in names if name.endswith((".pyc", ".joblib", "generated.py"))]
    assert "Classifier: Typing :: Typed" in metadata
    assert "License-Expression: MIT" in metadata


def test_the_plain_install_is_small(serving: Installed, folder: Path) -> None:
    packages = serving.packages()
    assert len(packages) <= MAX_PACKAGES, packages
    assert not {"pandas", "matplotlib", "typer", "httpx"} & set(packages)
    assert serving.run("--version", cwd=folder).stdout.startswith("malignancy ")
    refused = serving.run("train", "wisconsin", cwd=folder)
    assert refused.returncode == 2
    assert "pip install 'malignancy[train]'" in refused.stderr


def test_recipes_find_their_tables(training: Installed, tmp_path: Path) -> None:
    listed = training.run("recipes", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    for name in ("ecg", "regression", "multi-label"):
        assert name in listed.stdout
        described = training.run("describe", name, cwd=tmp_path)
        assert described.returncode == 0, described.stderr
    (tmp_path / "mine.toml").write_text('extends = "xor"\nname = "mine"\n', encoding="utf-8")
    described = training.run("describe", "mine.toml", cwd=tmp_path)
    assert described.returncode == 0, described.stderr


def test_training_and_prediction(training: Installed, trained: Path, folder: Path) -> None:
    table = DATA / "breast-cancer-wisconsin.csv"
    done = training.run("predict", str(trained), str(table), "--output", "out.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 700


@pytest.mark.parametrize("workers", ["1", "2"])
def test_service_and_page(workers: str, serving: Installed, trained: Path, folder: Path) -> None:
    with serving.serving(folder, "--artifact", str(trained), "--workers", workers) as service:
        service.get("/health/ready")
        if workers == "1":
            assert service.memory_bytes("VmRSS") <= MAX_RESIDENT_BYTES
            assert service.memory_bytes("RssAnon") <= MAX_PRIVATE_BYTES
        answer = service.post("/predict", {"instances": [ROW]})
        assert answer["predictions"][0]["label"] == "benign"
        page = service.get("/", Accept="text/html")
        assert "<!doctype html>" in page.lower()
        script = page.partition('src="')[2].partition('"')[0]
        assert len(service.get(f"/{script.removeprefix('./').removeprefix('/')}")) > 50_000
        assert "wisconsin" in service.get("/model")


def test_the_python_is_the_one_that_was_chosen(serving: Installed) -> None:
    version = ["-c", "import sys; print(sys.version_info[:2])"]
    chosen, used = (
        subprocess.check_output([python, *version], text=True)
        for python in (PYTHON, str(serving.folder / "bin/python"))
    )
    assert chosen == used
