"""The package has the names that it lists, and both clients the same methods."""

import inspect
import subprocess
import sys
from typing import Any

import pytest
from support.paths import ROOT

import malignancy
from malignancy import AsyncClient, Client


def methods(kind: type[Any]) -> dict[str, inspect.Signature]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(each) for name, each in found if not name.startswith("_")}


def test_every_name_is_there() -> None:
    assert sorted(malignancy.__all__) == malignancy.__all__
    assert all(hasattr(malignancy, name) for name in malignancy.__all__)


def test_both_clients_have_the_same_methods() -> None:
    one, other = methods(Client), methods(AsyncClient)
    assert one.pop("close") == other.pop("aclose")
    assert one == other
    assert all(inspect.iscoroutinefunction(getattr(AsyncClient, name)) for name in other)
    assert all(
        inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name))
        for name in one
    )


def test_constructors_have_the_same_options() -> None:
    one, other = (inspect.signature(kind).parameters for kind in (Client, AsyncClient))
    assert list(one) == list(other)
    assert all(one[name].default == other[name].default for name in one)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("sys.modules['httpx'] = None; import malignancy", "pip install 'malignancy[client]'"),
        ("import malignancy; assert not {'model', 'service', 'numpy'} & set(sys.modules)", ""),
    ],
)
def test_the_import_needs_httpx_and_nothing_else(code: str, shown: str) -> None:
    command = [sys.executable, "-c", f"import sys; {code}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown in done.stderr
    assert (done.returncode == 0) == (not shown)
