"""Commands without working streams, with odd names, and under Python's own switches: words, a status, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from protocolsim.text.streams import BROKEN_PIPE

FULL = Path("/dev/full")
PROGRAM = f"{sys.executable} -m protocolsim"
# Each prints in its own way: by rich, as JSON, as a file's content, by click, and nothing but a refusal.
PRINTS = ("check ms_smart", "check ms_smart --json", "schema", "list --help", "list")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="streams of a shell")


def told(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What bash makes of this line."""
    run = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False, errors="surrogateescape",
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment}, timeout=300,  # as it is for users
    )  # fmt: skip
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr
    return run


@pytest.mark.parametrize("asked", PRINTS)
def test_standard_output_that_takes_nothing(asked, tmp_path):
    """Full or closed it is told in one line with status 2; where nobody reads on the end is quiet, as with any tool."""
    full = told(f"{PROGRAM} {asked} > /dev/full", tmp_path) if FULL.exists() else None
    closed = told(f"{PROGRAM} {asked} >&-", tmp_path)
    for run in (full, closed):
        if run is not None:
            assert run.returncode == 2
            assert run.stderr.startswith("standard output: cannot write there: ")
            assert run.stderr.count("\n") == 1
    gone = told(f"{PROGRAM} {asked} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    # A reader who goes late has all of it.
    assert (gone.returncode in (0, BROKEN_PIPE), gone.stderr) == (True, "")


@pytest.mark.parametrize("asked", ["check ms_smart", "check nowhere.yaml", "nosuch"])
def test_standard_error_that_nobody_hears(asked, tmp_path):
    """Closed or full it changes no status and no output."""
    plain = told(f"{PROGRAM} {asked}", tmp_path)
    for end in ("2>&-", "2>/dev/full") if FULL.exists() else ("2>&-",):
        run = told(f"{PROGRAM} {asked} {end}", tmp_path)
        assert (run.returncode, run.stdout) == (plain.returncode, plain.stdout)


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(("asked", "status"), [("list", 0), ("nosuch", 2)])
def test_what_others_write_to_a_full_standard_error(asked, status, unbuffered, tmp_path):
    """A library that warns before, after, or as the last thing of all changes no status either, buffered or not."""
    (tmp_path / "warns.py").write_text(
        "import atexit, warnings; from protocolsim import cli\n"
        "atexit.register(warnings.warn, 'last'); warnings.warn('before')\n"
        f"try:\n    cli.main(['{asked}'])\nfinally:\n    warnings.warn('after')\n"
    )
    line = f"{sys.executable} warns.py 2>/dev/full >/dev/null"
    assert told(line, tmp_path, PYTHONUNBUFFERED=unbuffered).returncode == status


def test_all_streams_closed(tmp_path):
    """A command that prints nothing does its work without any stream; no file becomes one by its number."""
    run = told(f"{PROGRAM} describe ms_smart -o a.md <&- >&- 2>&-", tmp_path)
    assert run.returncode == 0
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("# ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.md"]


LONG = "b" * 256
ODD = "$(printf 'x\\xff')"


@pytest.mark.parametrize(
    "asked",
    [f"run {LONG}.yaml", f"check {LONG}.yaml", f"diagram ms_smart -o {LONG}.svg", f"describe ms_smart -o {LONG}.md",
     f"new {LONG}", "check ./", "run ./", f"describe ms_smart -o {LONG}/a.md", f"new {ODD}",
     "new $'a\\nb: 1'", "new $'a\\x1b[31m'", f"check {ODD}.yaml", "describe ms_smart -o /dev/null",
     "diagram ms_smart -o /proc/x.svg", "describe ms_smart -o ''"],
)  # fmt: skip
def test_names_that_no_file_can_have(asked, tmp_path):
    """A name that is too long, no UTF-8, a folder, or where nothing can be written is refused; nothing is left."""
    run = told(f"{PROGRAM} {asked}", tmp_path)
    assert run.returncode == 2
    # `check` reports on standard output.
    assert run.stderr or run.stdout
    assert not any(c in run.stderr + run.stdout for c in "\x1b\udcff")
    assert list(tmp_path.iterdir()) == []


def test_odd_names_that_files_can_have(tmp_path):
    """A name of 250 letters, one with quotes, one that is no UTF-8 are written and read, and can be pasted back."""
    assert told(f"{PROGRAM} new {'a' * 250}", tmp_path).returncode == 0
    said = told(f'{PROGRAM} new "it\'s my trial"', tmp_path).stdout
    again = told(f"{PROGRAM.removesuffix('protocolsim')}{said.partition('try: ')[2].replace('run', 'check')}", tmp_path)
    assert again.returncode == 0
    assert told(f'cp "it\'s my trial.yaml" {ODD}.yaml; {PROGRAM} check {ODD}.yaml', tmp_path).returncode == 0
    assert told(f"{PROGRAM} describe {ODD}.yaml -o {ODD}.md", tmp_path).returncode == 0
    commented = (tmp_path / "it's my trial.yaml").read_text(encoding="utf-8").splitlines()
    assert sum("it'\"'\"'s my trial.yaml" in line for line in commented if line.startswith("#")) == 4


def test_a_file_that_appears_meanwhile_stays(tmp_path, monkeypatch):
    """What somebody else wrote between the look and the end is not replaced; the first of two refusals is told."""
    from protocolsim.cli.base import new_file
    from protocolsim.errors import UsageError

    out = tmp_path / "a.md"
    with pytest.raises(UsageError, match="meanwhile"), new_file(out) as write:  # noqa: PT012
        out.write_text("theirs")
        write("mine")
    assert [p.name for p in tmp_path.iterdir()] == ["a.md"]
    assert out.read_text() == "theirs"

    def fail(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with pytest.raises(UsageError, match="cannot write there: Read-only"), new_file(tmp_path / "b.md") as write:  # noqa: PT012
        monkeypatch.setattr(Path, "open", fail)
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: fail())
        write("x")


@pytest.mark.parametrize("asked", ["--help", "schema", "docs daclizumab"])
def test_without_docstrings(asked, tmp_path):
    """Under -OO help, schema and the pages of models are what they are otherwise."""
    assert (
        told(f"{PROGRAM} {asked}", tmp_path, PYTHONOPTIMIZE="2").stdout == told(f"{PROGRAM} {asked}", tmp_path).stdout
    )


@pytest.mark.parametrize(
    "switches",
    [{"PYTHONIOENCODING": "ascii", "NO_COLOR": "1", "TERM": "dumb"},
     {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=lambda s: next(iter(s)),
)  # fmt: skip
def test_terminals_of_plain_letters(switches, tmp_path):
    """In ASCII the words are there, but for the signs that it has not."""
    run = told(f"{PROGRAM} describe ms_smart", tmp_path, **switches)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.isascii()
    assert "## " not in run.stdout
    assert "dose doubled" in run.stdout.casefold()


def test_figures_without_docstrings(tmp_path):
    """Under -OO a figure is drawn as otherwise; -I keeps the command line."""
    draw = "from protocolsim.report.style import figures; import altair as alt; import pandas as pd; "
    draw += "figures.save(alt.Chart(pd.DataFrame({'a': [1]})).mark_point().encode(x='a'), 'a.svg')"
    assert told(f'{sys.executable} -OO -c "{draw}"', tmp_path).returncode == 0
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert told(f"{sys.executable} -I -m protocolsim --version", tmp_path).returncode == 0


def test_a_size_of_the_terminal_that_is_none(tmp_path):
    """What is no number of columns or lines (0, a superscript, more than any terminal has) counts as not said."""
    plain = told(f"unset COLUMNS LINES; {PROGRAM} list", tmp_path)
    assert plain.stdout
    for odd in ("0", "\u00b2", "-5", "1" * 11, "1" * 5000, "wide"):
        run = told(f"{PROGRAM} list", tmp_path, COLUMNS=odd, LINES=odd)
        assert (run.returncode, run.stdout) == (0, plain.stdout), odd
