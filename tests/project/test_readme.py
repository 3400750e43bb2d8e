"""The commands of the README and of the page HTTP API give the output that is shown."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.console_blocks import environment, examples, run, same, write_program
from support.paths import DOCS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (DOCS / "reference" / "http-api.md").read_text(encoding="utf-8")
MAX_WORDS = 1000
MAX_PICTURE_BYTES = 300_000

COMMANDS = [command for command, _ in examples(README)]
REQUESTS = [each for text in (README, API) for each in examples(text) if each[0].startswith("curl")]


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= MAX_WORDS


def test_the_picture_is_small() -> None:
    [picture] = re.findall(r"^!\[.+\]\((.+)\)$", README, re.MULTILINE)
    assert (ROOT / picture).stat().st_size < MAX_PICTURE_BYTES


def test_the_readme_trains_serves_and_predicts() -> None:
    programs = [re.split(r" --| -[cs]", command)[0] for command in COMMANDS]
    assert programs == [
        "python3 -m venv .venv && source .venv/bin/activate",
        "pip install",
        "malignancy train wisconsin",
        "malignancy serve &",
        "curl",
        "malignancy train wisconsin",
        "curl",
        "curl",
    ]
    assert len(REQUESTS) == 8
    assert all(expected for _, expected in REQUESTS)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize(("command", "expected"), REQUESTS)
def test_a_request_gets_the_answer_shown(
    command: str, expected: str, wisconsin_port: int, tmp_path: Path
) -> None:
    assert "localhost:8000" in command
    out = run(command.replace("localhost:8000", f"127.0.0.1:{wisconsin_port}"), tmp_path)
    assert same(out, expected), out


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the console script of pyproject.toml, in which the model has been trained."""
    folder = tmp_path_factory.mktemp("session")
    write_program(folder)
    assert "validation" in run("malignancy train wisconsin", folder)
    return folder


def test_train_writes_the_files_described(session: Path) -> None:
    made = sorted(path.name for path in (session / "artifacts").iterdir())
    assert made == [
        "wisconsin.confusion.png",
        "wisconsin.features.png",
        "wisconsin.joblib",
        "wisconsin.loss.png",
        "wisconsin.report.html",
    ]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_session_gets_the_answer_shown(session: Path) -> None:
    command, expected = REQUESTS[0]
    serve = ["malignancy", "serve", "--port", "0"]
    with subprocess.Popen(
        serve, cwd=session, env=environment(session), stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        try:
            lines = (re.search(r"running on http://[\d.]+:(\d+)", line) for line in server.stderr)
            port = next(match[1] for match in lines if match)
            out = run(command.replace("localhost:8000", f"127.0.0.1:{port}"), session)
        finally:
            server.terminate()
            server.stderr.read()
    assert server.returncode == 0
    assert same(out, expected), out


@pytest.mark.parametrize("target", ["serve", "test", "check", "slow", "stress", "bench"])
def test_the_make_targets_exist(target: str) -> None:
    documents = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md"))
    assert any(f"make {target}" in path.read_text(encoding="utf-8") for path in documents)
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
