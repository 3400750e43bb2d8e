"""The directions of import that design.md draws, walked; and the size and names of files."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SERVING_CORE = set(
    "model model.errors model.arrays model.target model.calibration model.schema model.encoding "
    "model.confusion model.network model.predictor model.figures model.npz "
    "model.packed_arrays model.publishing model.reading model.artifact model.repository "
    "model.signature".split()
)
OFFLINE = {"pandas", "matplotlib", "onnx", "rich", "typer", "cryptography"}
THIRD_PARTY_OF_CORE = {"numpy", "joblib", "pydantic"}
OF_SIGNATURES = ("model.signature", "cryptography")  # an extra, imported when it is needed
TOP_FOLDERS = ("model", "service", "tests", "benchmarks")
SOURCES = sorted(path for top in TOP_FOLDERS for path in (ROOT / top).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in the file; `from a import b` is a.b if a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if is_module(name) else node.module for name in names}
    return found


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def in_core(module: str) -> bool:
    return module in SERVING_CORE or within(module, "model.network")


def edges(*packages: str) -> Iterator[tuple[str, str]]:
    """(importer, imported) of every import within some packages."""
    for path in SOURCES:
        if within(module_of(path), *packages):
            for imported in sorted(imports(path)):
                yield module_of(path), imported


def against(package: str, *forbidden: str) -> list[tuple[str, str]]:
    return [(source, target) for source, target in edges(package) if within(target, *forbidden)]


def test_the_walk_sees_what_is_there() -> None:
    assert ("model.artifact", "model.predictor") in edges("model")
    assert ("model.artifact", "pydantic") in edges("model")
    assert ("model.training.dataset", "pandas") in edges("model")
    assert {module_of(path) for path in SOURCES} >= SERVING_CORE


def test_model_does_not_import_service() -> None:
    assert against("model", "service", "tests", "benchmarks", "fastapi", "starlette") == []


def test_serving_core_imports_itself_and_three_libraries() -> None:
    allowed = sys.stdlib_module_names | THIRD_PARTY_OF_CORE
    wrong = [
        (source, target)
        for source, target in edges("model")
        if in_core(source)
        and not in_core(target)
        and target.partition(".")[0] not in allowed
        and (source, target.partition(".")[0]) != OF_SIGNATURES
    ]
    assert wrong == []


def test_coverage_is_measured_of_the_serving_core() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        omitted = tomllib.load(file)["tool"]["coverage"]["run"]["omit"]
    for path in SOURCES:
        if within(module_of(path), "model"):
            left_out = any(fnmatch(str(path), pattern) for pattern in omitted)
            assert left_out != in_core(module_of(path)), path


# Each module of the core, and those it must not import, being below them.
@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("model.errors", "model"),
        (
            "model.arrays",
            "model.schema model.encoding model.network model.predictor model.artifact",
        ),
        ("model.schema", "model.encoding model.network model.predictor model.artifact"),
        ("model.encoding", "model.network model.predictor model.artifact"),
        ("model.network", "model.schema model.encoding model.predictor model.artifact"),
        ("model.predictor", "model.artifact"),
        ("model.training", "model.evaluation model.pipeline model.cli"),
        ("model.evaluation", "model.pipeline model.cli"),
        ("model.pipeline", "model.cli"),
        ("model.onnx_export", "model.training model.evaluation model.pipeline model.cli"),
    ],
)
def test_direction(module: str, forbidden: str) -> None:
    assert against(module, *forbidden.split()) == []


def test_only_the_command_line_knows_rich_and_typer() -> None:
    wrong = [edge for edge in against("model", "rich", "typer") if not within(edge[0], "model.cli")]
    assert wrong == []


def test_service_imports_the_serving_core_only() -> None:
    wrong = [
        (source, target)
        for source, target in edges("service")
        if (within(target, "model") and not in_core(target))
        or within(target, "tests", "benchmarks", *OFFLINE)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["service.app", "model.artifact"])
def test_importing_what_serves_leaves_the_offline_libraries_out(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({OFFLINE} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert path.stem not in {"utils", "util", "helpers", "base", "common", "misc"}
    assert "core" not in path.relative_to(ROOT).parts
    assert path != ROOT / "tests" / "__init__.py"
