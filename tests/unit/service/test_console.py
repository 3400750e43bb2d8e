"""`malignancy` runs the service or the offline program, each without the other."""

import os
import re
import runpy
import sys
from importlib.metadata import version

import pytest

from service.console import main


@pytest.fixture(autouse=True)
def _keep_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, list[str]]:
    """Run the script, and return its exit code and what of the offline libraries it imported."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/malignancy", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), sys.argv


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["malignancy", "--version"])
    monkeypatch.setattr(runpy, "run_module", None)
    main()
    assert capsys.readouterr().out == f"malignancy {version('malignancy')}\n"


def test_help_of_all_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help")[0] == 0
    out = capsys.readouterr().out
    # Without pytest-xdist, the name of the program has "python -m pytest" before it.
    assert re.search(r"Usage: .*malignancy \[OPTIONS\] COMMAND", " ".join(out.split()))
    for name in ("Data", "Train", "Evaluate", "Predict", "Publish", "train", "serve", "export"):
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "module", "rest"),
    [
        (["serve"], "service", []),
        (["serve", "--port", "1"], "service", ["--port", "1"]),
        (["store", "stats"], "service.store.command", ["stats"]),
        (["score", "a", "b"], "service.scoring.command", ["a", "b"]),
        (["train", "wisconsin"], "model", ["train", "wisconsin"]),
        ([], "model", []),
    ],
)
def test_dispatch(
    arguments: list[str], module: str, rest: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    monkeypatch.setattr(sys, "argv", ["malignancy", *arguments])
    monkeypatch.setattr(runpy, "run_module", lambda name, run_name: ran.append((name, run_name)))
    main()
    assert (ran, sys.argv[1:]) == ([(module, "__main__")], rest)


@pytest.mark.parametrize(("given", "effective"), [(None, "1"), ("", "")])
def test_children_do_not_import_from_the_working_directory(
    given: str | None, effective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ.pop("PYTHONSAFEPATH", None)
    if given is not None:
        os.environ["PYTHONSAFEPATH"] = given
    monkeypatch.setattr(sys, "argv", ["malignancy", "--version"])
    main()
    assert os.environ["PYTHONSAFEPATH"] == effective
