"""The console blocks of the tutorial "Your own table" give the output that the page shows."""

import sys
from pathlib import Path

import pytest
from support.console_blocks import examples, run, same, write_program
from support.paths import DOCS

PAGE = (DOCS / "tutorials" / "your-own-table.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="needs bash, grep and cut")
def test_the_commands_give_the_output_shown(tmp_path: Path) -> None:
    write_program(tmp_path)
    commands = examples(PAGE)
    assert len(commands) > 6
    assert sum(bool(expected) for _, expected in commands) > 4
    for command, expected in commands:
        out = run(command, tmp_path)
        assert not expected or same(out, expected), f"{command}\n{out}"


def test_the_page_shows_an_output_for_each_command_that_reads() -> None:
    for command, expected in examples(PAGE):
        if command.startswith(("head -3", "grep", "cut", "ls")):
            assert expected, command
