"""service/server/uvicorn_check.py: an error names what is missing."""

import re
import tomllib

import pytest
import uvicorn
from support.paths import ROOT

from service.server import run
from service.server.uvicorn_check import NEEDED, REQUIREMENT, check_uvicorn


def test_the_installed_version_has_all_attributes() -> None:
    check_uvicorn()


@pytest.mark.parametrize("owner", NEEDED, ids=lambda owner: owner.__name__)
def test_a_missing_attribute_ends_the_start(
    owner: type, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(NEEDED, owner, [*NEEDED[owner], "of_a_later_version"])
    assert run.main(["--port", "0"]) == 3
    assert capsys.readouterr().err == (
        f"uvicorn {uvicorn.__version__} lacks {owner.__name__}.of_a_later_version, which the"
        f" service needs; install '{REQUIREMENT}'.\n"
    )


def test_two_minor_versions_are_allowed_and_the_older_one_is_tested() -> None:
    oldest, limit = re.findall(r"0\.(\d+)", REQUIREMENT)
    assert int(limit) == int(oldest) + 2
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^OLDEST_UVICORN := 0\.{oldest}\.\d+$", makefile, re.MULTILINE)
    assert "make uvicorn" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_requirement_is_that_of_the_package() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert REQUIREMENT in tomllib.load(file)["project"]["dependencies"]
