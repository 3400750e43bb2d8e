"""The direction of imports between packages, what serving may import, and names of files."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from support.paths import ROOT

# Each package, and all that it imports of the project. A package stands for what is in its folder,
# without the folders that have separate lines.
ARROWS = """
model.errors               ←
model.arrays               ← model.errors
model.network              ← model.arrays model.errors
model.prediction           ← model.arrays model.errors model.network
model.drift                ← model.arrays model.errors model.prediction
model.metrics              ← model.arrays model.prediction
model.artifacts            ← model.arrays model.drift model.errors model.network
    model.prediction
model.explanation          ← model.arrays model.errors model.metrics model.prediction
model.parallel             ← model.errors
model.training             ← model.arrays model.errors model.network model.training.optimizers
    model.training.regularization model.training.schedules
model.training.optimizers  ← model.arrays model.errors model.network
model.training.regularization ← model.arrays model.errors model.network
model.training.schedules   ← model.errors model.network
model.training.batches     ← model.arrays model.errors model.network model.training
model.training.fitting     ← model.arrays model.artifacts model.errors model.explanation
    model.network model.parallel model.training model.training.batches model.training.optimizers
    model.training.regularization model.training.schedules
model.training.recipes     ← model.artifacts model.errors model.network model.prediction
    model.training model.training.regularization
model.training.recipes.drafting ← model.arrays model.errors model.prediction model.training
    model.training.recipes
model.training.tables      ← model.arrays model.artifacts model.errors model.prediction
    model.training model.training.recipes
model.training.decisions   ← model.arrays model.errors model.network model.prediction
    model.training.recipes
model.evaluation           ← model.arrays model.errors model.explanation model.metrics
    model.prediction
model.evaluation.landscape ← model.arrays model.errors model.network model.training
    model.training.batches model.training.fitting
model.evaluation.plots     ← model.arrays model.evaluation model.evaluation.landscape
    model.metrics model.prediction model.training.fitting
model.evaluation.report    ← model.arrays model.evaluation model.evaluation.plots model.metrics
    model.prediction model.training.fitting
model.export               ← model.arrays model.errors model.network model.prediction
model.estimators           ← model.arrays model.errors model.explanation model.network
    model.prediction model.training model.training.batches model.training.decisions
    model.training.fitting model.training.regularization model.training.schedules
    model.training.tables
model.nn                   ← model.network model.training.fitting model.training.optimizers
    model.training.schedules
model.pipelines            ← model.arrays model.artifacts model.drift model.errors
    model.evaluation model.metrics model.network model.parallel model.prediction model.training
    model.training.batches model.training.decisions model.training.fitting
    model.training.recipes model.training.tables
model.tuning               ← model.arrays model.errors model.evaluation model.network
    model.parallel model.pipelines model.prediction model.training.fitting
    model.training.recipes model.training.tables
model.cli                  ← model.arrays model.artifacts model.errors model.evaluation
    model.evaluation.landscape model.evaluation.plots model.evaluation.report model.explanation
    model.export model.metrics model.pipelines model.prediction model.training.fitting
    model.training.recipes model.training.recipes.drafting model.training.tables model.tuning
model.__main__             ← model.cli
service.environment        ←
service.settings           ← model.artifacts model.errors service.environment
service.request_context    ←
service.problems           ← model.errors service.request_context
service.backoff            ←
service.background         ← service.backoff
service.lifecycle          ← service.problems
service.health_checks      ← service.environment
service.codecs             ← model.arrays model.prediction service.problems
service.codecs.json        ← model.arrays model.explanation model.prediction service.codecs
    service.problems
service.codecs.tabular     ← model.arrays model.prediction service.codecs service.codecs.json
    service.problems
service.codecs.open_inference ← model.arrays model.prediction service.codecs service.codecs.json
    service.problems
service.security           ← model.artifacts model.errors service.health_checks service.problems
    service.settings
service.overload           ← service.background service.health_checks service.problems
    service.request_context
service.protocol           ← service.background service.health_checks service.lifecycle
    service.overload service.problems service.settings
service.compression        ← service.codecs service.overload service.problems
service.page               ← service.codecs service.compression
service.registry           ← model.arrays model.artifacts model.drift model.errors
    model.explanation model.metrics model.prediction service.background service.backoff
    service.codecs service.codecs.json service.codecs.open_inference service.problems
    service.request_context service.settings
service.observability      ← model.errors model.metrics model.prediction service.background
    service.codecs service.health_checks service.registry service.request_context
    service.settings
service.live               ← model.arrays model.drift model.metrics model.prediction
    service.background service.overload service.problems service.registry service.store
    service.store.databases
service.dependencies       ← service.lifecycle service.live service.observability
    service.overload service.registry service.settings service.store
service.inference          ← model.arrays model.errors model.explanation model.prediction
    service.codecs service.codecs.json service.codecs.open_inference service.codecs.tabular
    service.dependencies service.observability service.overload service.problems
    service.registry service.request_context service.settings service.store
    service.store.databases
service.openapi.schemas    ← model.explanation model.prediction service.codecs.json
    service.codecs.open_inference service.registry
service.openapi            ← model.arrays model.explanation model.metrics model.prediction
    service.codecs service.codecs.tabular service.health_checks service.inference service.live
    service.openapi.schemas service.problems service.registry
service.cors               ←
service.middleware         ← service.cors service.observability service.overload
    service.problems service.request_context service.security
service.fast_path          ← model.arrays service.codecs service.codecs.json service.compression
    service.cors service.inference service.middleware service.observability service.overload
    service.problems service.protocol service.registry service.request_context service.security
service.routes             ← service.codecs service.codecs.json service.codecs.open_inference
    service.comparison service.dependencies service.environment service.inference service.live
    service.observability service.openapi service.overload service.page service.problems
    service.registry service.request_context service.settings service.store
    service.store.databases
service.app                ← model.prediction service.compression service.cors
    service.dependencies service.fast_path service.lifecycle service.live service.middleware
    service.observability service.openapi service.overload service.page service.problems
    service.protocol service.registry service.request_context service.routes service.security
    service.settings service.shadow service.store
service.server             ← model.errors service.app service.background service.backoff
    service.lifecycle service.observability service.protocol service.settings
service.store.databases    ← model.errors
service.store              ← model.arrays model.drift model.errors model.metrics
    model.prediction service.background service.request_context service.settings
    service.store.databases
service.comparison         ← model.arrays model.artifacts model.errors model.metrics
    model.prediction service.settings service.store service.store.databases
service.shadow             ← model.arrays model.artifacts model.prediction service.background
    service.registry service.settings service.store
service.scoring            ← model.arrays model.artifacts model.errors model.explanation
    model.parallel model.prediction service.codecs service.codecs.json service.codecs.tabular
    service.inference service.live service.problems service.registry service.security
    service.settings service.store service.store.databases
service.__main__           ← service.server
service.console            ←
service.probe              ←
"""

SERVING_CORE = (
    "model.errors",
    "model.arrays",
    "model.network",
    "model.prediction",
    "model.drift",
    "model.explanation",
    "model.metrics",
    "model.artifacts",
)
OFFLINE = {"jinja2", "pandas", "matplotlib", "onnx", "rich", "typer", "cryptography"}
THIRD_PARTY_OF_CORE = {"numpy", "joblib", "pydantic"}
USER_EXTRAS = tuple(
    "train arrow batch client dask excel onnx parquet postgres ray signing sklearn tracing tune "
    "zstd".split()
)
# Packages of extras, imported when they are needed.
EXTRAS_OF_CORE = {
    *(
        (f"model.artifacts.{name}", "pyarrow")
        for name in ("mirror", "mirror_state", "publishing", "remote")
    ),
    ("model.artifacts.signing", "cryptography"),
}
# Modules of the service that few requests need, imported by the first of these.
RARELY_NEEDED = {
    "model.explanation.shapley",
    "service.inference.explanations",
    "service.live.answer",
    "service.openapi.document",
}
# Modules that only users import, and the start of the command line.
PUBLIC = {
    "model.drift": {"bins", "detection"},
    "model.estimators": {"NetworkClassifier", "NetworkRegressor"},
    "model.network": {"autograd"},
    "model.network.autograd": {"display", "gradient_check", "tape"},
    "model.cli": {"app", "main"},
}
TOP_FOLDERS = ("malignancy", "model", "service", "tests", "benchmarks")
SOURCES = sorted(path for top in TOP_FOLDERS for path in (ROOT / top).rglob("*.py"))


def table() -> dict[str, set[str]]:
    """ARROWS as a graph: a line that is indented goes on with the one before."""
    arrows: dict[str, set[str]] = {}
    package = ""
    for line in filter(None, ARROWS.splitlines()):
        head, arrow, imported = line.partition("←")
        if arrow:
            package = head.strip()
            arrows[package] = set()
        arrows[package] |= set((imported if arrow else line).split())
    return arrows


PACKAGES = table()


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@cache
def imports(path: Path) -> frozenset[str]:
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
    return frozenset(found)


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@cache
def package_of(module: str) -> str | None:
    """The longest name in the table that a module is within."""
    return max((name for name in PACKAGES if within(module, name)), key=len, default=None)


def edges(*packages: str) -> Iterator[tuple[str, str]]:
    """(importer, imported) of every import within some packages."""
    for path in SOURCES:
        if within(module_of(path), *packages):
            for imported in sorted(imports(path)):
                yield module_of(path), imported


def against(package: str, *forbidden: str) -> list[tuple[str, str]]:
    return [(source, target) for source, target in edges(package) if within(target, *forbidden)]


def listed(path: Path) -> set[str]:
    """The names in `__all__` of a file `__init__.py`."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            names: list[str] = ast.literal_eval(node.value)
            return set(names)
    return set()


def test_packages_import_what_the_table_says() -> None:
    found: dict[str, set[str]] = {name: set() for name in PACKAGES}
    for source, target in edges("model", "service"):
        importer, imported = package_of(source), package_of(target)
        assert importer or source in ("model", "service"), f"{source} is in no package"
        if importer and imported and importer != imported:
            found[importer].add(imported)
    assert found == PACKAGES


def test_the_table_has_no_circle() -> None:
    assert len(list(TopologicalSorter(PACKAGES).static_order())) == len(PACKAGES)


def test_packages_list_the_modules_that_others_import() -> None:
    found: dict[str, set[str]] = {name: set(each) for name, each in PUBLIC.items()}
    for source, target in edges("model", "service"):
        folder = package_of(target)
        if folder and folder not in (target, package_of(source)):
            for name in target.removeprefix(f"{folder}.").split("."):
                found.setdefault(folder, set()).add(name)
                folder = f"{folder}.{name}"
    files = (path for path in SOURCES if path.name == "__init__.py")
    packages = {module_of(path): names for path in files if (names := listed(path))}
    assert packages.pop("malignancy") == set(import_module("malignancy").__all__)
    assert found == packages


def test_no_tracked_file_is_ignored() -> None:
    # The builder of wheels leaves out what .gitignore names, even if it is tracked.
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == ""


def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in SOURCES if within(module_of(path), "model", "service")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_modules_have_no_circle() -> None:
    modules: dict[str, set[str]] = {}
    for source, target in edges("model", "service"):
        if is_module(target) and source != target:
            modules.setdefault(source, set()).add(target)
    assert list(TopologicalSorter(modules).static_order())


def test_the_walk_sees_what_is_there() -> None:
    assert ("model.artifacts.artifact", "model.prediction.predictor") in edges("model")
    assert ("model.artifacts.artifact", "pydantic") in edges("model")
    assert ("model.training.tables.table", "pandas") in edges("model")


def test_imported_distributions_are_declared() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = (project["optional-dependencies"][name] for name in USER_EXTRAS)
    requirements = chain(project["dependencies"], *extras)
    declared = {re.split(r"[^\w-]", each)[0].lower().replace("-", "_") for each in requirements}
    distributions = {"sklearn": ["scikit-learn"], **packages_distributions()}  # an extra
    for source, target in edges("malignancy", "model", "service"):
        name = target.partition(".")[0]
        if name not in sys.stdlib_module_names | {"malignancy", "model", "service"}:
            provided = {each.lower().replace("-", "_") for each in distributions.get(name, [name])}
            assert provided & declared, f"{source} imports {name}"


def test_model_does_not_import_service() -> None:
    assert against("model", "service", "tests", "benchmarks", "fastapi", "starlette") == []


def test_serving_core_imports_itself_and_three_libraries() -> None:
    allowed = sys.stdlib_module_names | THIRD_PARTY_OF_CORE
    wrong = [
        (source, target)
        for source, target in edges(*SERVING_CORE)
        if not within(target, *SERVING_CORE)
        and target.partition(".")[0] not in allowed
        and (source, target.partition(".")[0]) not in EXTRAS_OF_CORE
    ]
    assert wrong == []


def test_coverage_is_measured_of_the_serving_core() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        omitted = tomllib.load(file)["tool"]["coverage"]["run"]["omit"]
    for path in SOURCES:
        if within(module_of(path), "model") and path != ROOT / "model" / "__init__.py":
            left_out = any(fnmatch(str(path), pattern) for pattern in omitted)
            assert left_out != within(module_of(path), *SERVING_CORE), path


def test_only_the_command_line_knows_rich_and_typer() -> None:
    wrong = [edge for edge in against("model", "rich", "typer") if not within(edge[0], "model.cli")]
    assert wrong == []


def test_the_client_imports_itself_and_two_libraries() -> None:
    allowed = sys.stdlib_module_names | {"malignancy", "anyio", "httpx"}
    found = [edge for edge in edges("malignancy") if edge[1].partition(".")[0] not in allowed]
    assert found == []
    assert against("model", "malignancy") == against("service", "malignancy") == []


def test_service_imports_the_serving_core_only() -> None:
    # The command `score` runs on the pool of a Dask cluster and in processes, as training does.
    allowed = {
        ("service.scoring.engines.dask", "model.parallel.dask_pool"),
        ("service.scoring.engines.local", "model.parallel.child_process"),
    }
    wrong = [
        (source, target)
        for source, target in set(edges("service")) - allowed
        if (within(target, "model") and not within(target, *SERVING_CORE))
        or within(target, "tests", "benchmarks", *OFFLINE)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["service.app", "model.artifacts.artifact"])
def test_importing_what_serves_leaves_out_the_offline_libraries_and_rare_modules(
    module: str,
) -> None:
    left_out = OFFLINE | RARELY_NEEDED
    code = f"import sys, {module}; print(*sorted({left_out} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "base", "common", "misc"}
    assert "core" not in path.relative_to(ROOT).parts
    assert path.name != "__init__.py" or not path.is_relative_to(ROOT / "tests")


@pytest.mark.parametrize("top", ["malignancy", "model", "service"])
def test_a_folder_holds_about_ten_files(top: str) -> None:
    folders = {path.parent for path in SOURCES if path.is_relative_to(ROOT / top)}
    sizes = {folder: len(list(folder.glob("*.py"))) for folder in folders}
    assert max(sizes.values()) <= 20, max(sizes, key=lambda folder: sizes[folder])
