"""The tutorial: every command and every block of Python in it runs, one after the other, as a reader would run them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.test_cli import command

__all__ = ["command"]

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^```(?P<kind>[a-z]*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def test_every_block_runs(command):
    """Commands end well and say nothing on standard error, files are written, Python runs: from top to bottom."""
    ran = {"sh": 0, "yaml": 0, "python": 0}
    names: dict[str, object] = {}
    for block in BLOCK.finditer(TEXT):
        kind, text = block["kind"], block["text"]
        if kind == "sh":
            for line in text.splitlines():
                program, *words = shlex.split(line)
                assert program == "protocolsim"
                status, out, err = command(*words)
                # The first command on a machine says that it compiles.
                said = [note for note in err.splitlines() if not note.startswith("compil")]
                assert (status, said) == (0, []), line
                assert out.strip(), line
                ran["sh"] += 1
        elif kind == "yaml":
            Path(block["title"]).write_text(text, encoding="utf-8")
            ran["yaml"] += 1
        elif kind == "python":
            exec(compile(text, "tutorial.md", "exec"), names)  # noqa: S102 - the tutorial's own words
            ran["python"] += 1
        else:
            assert "python -m pip install" in text  # done before the tests
    assert ran["sh"] >= 12
    assert ran["yaml"] >= 1
    assert ran["python"] >= 2


def test_what_it_says_of_its_commands_holds():
    """Each command of the tutorial is one that there is, and it shows all that a first day needs."""
    shown = {line.split()[1] for b in BLOCK.finditer(TEXT) if b["kind"] == "sh" for line in b["text"].splitlines()}
    there = {path.stem for path in (ROOT / "protocolsim" / "cli").glob("*.py")}
    assert shown <= there
    assert {"new", "check", "run", "sweep", "compare", "trace", "explain"} <= shown


def test_the_pages_name_files_that_are_there():
    """Each test or folder that a page of the docs names stands in the repository."""
    for page in (ROOT / "docs").rglob("*.md"):
        for path in re.findall(r"`((?:tests|benchmarks|scenarios)/[^`*]+)`", page.read_text(encoding="utf-8")):
            assert (ROOT / path).exists(), f"{page.name} names {path}"
