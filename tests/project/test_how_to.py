"""The how-to pages are true: their files are written, their commands run and their code executed, in the page's order.

A block with a title is a file; `sh` is run line by line; other Python is a script; `text` must stand in what the last
commands printed. Each page has a folder of its own, and installs what it installs into another one of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
PAGES = sorted((HERE / "docs" / "how_to").glob("*.md"))
BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
INSTALL = "python -m pip install ."


@dataclass
class Reader:
    """Somebody who does what a page says."""

    folder: Path
    site: Path
    printed: list[str] = field(default_factory=list)

    def run(self, *words: str) -> str:
        """Run Python with these words, as a new process that finds what was installed; what it printed."""
        path = os.pathsep.join([str(self.site), str(HERE)])
        # Commands must find what was installed, not what lies in the folder.
        safe = {"PYTHONSAFEPATH": "1"} if words[0] == "-m" else {}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"} | safe,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def follow(self, page: str) -> None:
        """Do everything, in its order."""
        for block in BLOCK.finditer(page):
            language, title, text = block["language"], block["title"], block["text"]
            if title is not None:
                file = self.folder / title
                file.parent.mkdir(exist_ok=True, parents=True)
                file.write_text(text, encoding="utf-8")
            elif language == "python":
                (self.folder / "script.py").write_text(text, encoding="utf-8")
                self.printed = [self.run("script.py")]
            elif language == "sh":
                self.printed = [self.command(line) for line in text.splitlines()]
            elif language == "text":
                printed = " ".join(" ".join(self.printed).split())
                assert [line for line in text.splitlines() if line not in printed] == []
            else:
                raise AssertionError(f"nobody runs a block of {language}")

    def command(self, line: str) -> str:
        """One line of a shell block."""
        if line == INSTALL:
            # As a user's, but into a folder of its own, and from nowhere else.
            where = ("--target", str(self.site), "--no-deps", "--no-build-isolation", "--no-index", "--quiet")
            return self.run("-m", "pip", "--disable-pip-version-check", "install", *where, ".")
        python, *words = line.split()
        assert python == "python"
        return self.run(*words)


@pytest.fixture
def reader(tmp_path):
    return Reader(tmp_path / "work", tmp_path / "site")


@pytest.fixture(autouse=True)
def _folders(reader):
    reader.folder.mkdir()
    reader.site.mkdir()


def test_the_pages_are_there():
    """The tasks of somebody from outside each have a page with blocks to run."""
    assert {"new_endpoint", "new_analysis", "outside_package", "own_trial"} <= {page.stem for page in PAGES}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(BLOCK.findall(text)) * 2 == len(re.findall("^```", text, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_page_says_works(page, reader):
    """Whoever does what the page says gets what the page says."""
    reader.follow(page.read_text(encoding="utf-8"))


def test_an_endpoint_takes_less_than_twenty_lines():
    """The code of the endpoint's page, imports and empty lines left out."""
    text = (HERE / "docs" / "how_to" / "new_endpoint.md").read_text(encoding="utf-8")
    (code,) = (block["text"] for block in BLOCK.finditer(text) if block["title"] == "weeks_on_study.py")
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) < 20
