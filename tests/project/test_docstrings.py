"""Public functions and classes with more than one argument document them in Google style."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

SOURCES = sorted(
    path for top in ("malignancy", "model", "service") for path in (ROOT / top).rglob("*.py")
)
# A command's docstring is its help text, and each option has a help text.
EXEMPT = ("model/cli/",)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Public functions, classes and methods of a module, with dotted names."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{prefix}{node.name}.")


def arguments(node: Definition) -> list[str]:
    """The names of a function's arguments, or of a class's constructor's or dataclass's."""
    if isinstance(node, ast.ClassDef):
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                return arguments(each)
        decorators = "".join(map(ast.unparse, node.decorator_list))
        fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
        names = [each.id for each in fields if isinstance(each, ast.Name)]
        return [name for name in names if "dataclass" in decorators and not name.startswith("_")]
    spec = node.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls") and not name.startswith("_")]


def missing(path: Path) -> list[str]:
    found = []
    for name, node in definitions(ast.parse(path.read_text(encoding="utf-8")).body):
        docstring = ast.get_docstring(node)
        names = arguments(node)
        if docstring is None or len(names) < 2:
            continue  # pydocstyle's rules say where a docstring may be left out
        lines = [line.strip() for line in docstring.splitlines()]
        if not {"Args:", "Attributes:"} & set(lines):
            found.append(f"{name}: no Args section")
        else:
            found += [
                f"{name}: {argument} is not documented"
                for argument in names
                if not any(line.startswith((f"{argument}:", f"{argument} (")) for line in lines)
            ]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arguments_are_documented(path: Path) -> None:
    if str(path.relative_to(ROOT)).startswith(EXEMPT):
        return
    assert missing(path) == []
