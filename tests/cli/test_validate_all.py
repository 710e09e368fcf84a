"""`protocolsim validate --all`: one table of a folder's scenarios, kept, resumed, and refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import command as command  # noqa: PLC0414 - a fixture, used by name
from tests.cli.test_cli import refused

MINE = """
extends: ms_jnnp_1996
title: Mine
seed: {seed}
published:
  fall_lower: {{value: {value}, role: checked, source: made up for this test, mark: A}}
  fall_higher: null
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A suite of two small scenarios, and a working folder beside it."""
    suite = tmp_path / "suite"
    suite.mkdir()
    for name, seed, value in (("one", 1, "60 %"), ("other", 2, "-300 %")):
        (suite / f"{name}.yaml").write_text(MINE.format(seed=seed, value=value))
    monkeypatch.chdir(tmp_path)
    return suite


def test_one_table(command, folder):
    """Every row has its verdict, its width and its score; the totals count them; the folder holds the same."""
    status, out, err = command("validate", "--all", "--suite", "suite", "--replicates", "40", "--json", "--out", "o")
    assert status == 0, err
    said = json.loads(out)
    assert [(r["scenario"], r["verdict"]) for r in said["rows"]] == [("one", "inside"), ("other", "outside")]
    assert said["rows"][1]["score"] > 20 * 300
    assert said["totals"]["checked"]["data"] == 2
    assert said["totals"]["all"]["coverage"] == 0.5
    assert json.loads(Path("o/summary.json").read_text()) == said
    assert {"report.html", "validation.csv", "validation.parquet"} <= {p.name for p in Path("o").iterdir()}


def test_it_goes_on(command, folder):
    """More replicates take up what is there, to the same bytes as all at once."""
    words = ("validate", "--all", "--suite", "suite", "--quiet")
    assert command(*words, "--replicates", "20", "--out", "a")[0] == 0
    assert command(*words, "--replicates", "40", "--out", "a", "--resume")[0] == 0
    assert command(*words, "--replicates", "40", "--out", "b", "--workers", "2")[0] == 0
    assert Path("a/summary.json").read_bytes() == Path("b/summary.json").read_bytes()


def test_drawn_parameters(command, folder):
    """With parameters drawn the range is wider than the one at fixed parameters, which stands beside it."""
    words = ("validate", "--all", "--suite", "suite", "--replicates", "60", "--parameters", "plausible", "--json")
    row = json.loads(command(*words)[1])["rows"][0]
    assert row["hi"] - row["lo"] > row["fixed_hi"] - row["fixed_lo"] > 0
    assert row["fixed_verdict"] == "inside"


def test_printed(command, folder):
    """The terminal has the same rows, the totals, and what the columns mean."""
    out = command("validate", "--all", "--suite", "suite", "--replicates", "20")[1]
    for words in ("(one)", "(other)", "1 of 2 published data", "interval score"):
        assert words in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all", "ms_daclizumab"), "--all runs every scenario of the suite: leave out 'ms_daclizumab', or leave out"),
        ((), "name a scenario (`protocolsim list` shows them) or a file, or say --all"),
        (("--all", "--set", "a=1"), "--set changes a value of one scenario, and --all runs many"),
        (("--suite", "suite", "ms_daclizumab"), "--suite says nothing without --all"),
        (("--all", "--suite", "nowhere"), "--suite nowhere: there is no such folder"),
        (
            ("--all", "--suite", "."),
            "expected scenario files (.yaml) with published results (`published:`), found none",
        ),
        (("--all", "--parameters", "plausable"), "did you mean 'plausible'?"),
        (("--all", "--suite", "suite", "--resume"), "--resume says nothing without --out"),
    ],
)
def test_refused(command, folder, words, said):
    """What cannot be is refused in one line that says what was expected."""
    told = refused(command, "validate", *words)
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_a_role_that_is_none(command, folder):
    """An unknown role is told with its place and the nearest right word."""
    path = folder / "one.yaml"
    path.write_text(path.read_text().replace("role: checked", "role: cheked"))
    told = refused(command, "validate", "--all", "--suite", "suite")
    assert "line 6, column" in told
    assert "'cheked'; did you mean 'checked'?" in told


def test_listed_apart(command):
    """`list` shows trials, and the suite only where it is asked for; its scenarios are found by name."""
    assert "ms_frank_2004" not in command("list")[1]
    assert "ms_frank_2004" in command("list", "--all")[1]
    assert command("check", "ms_frank_2004")[0] == 0
    assert "did you mean 'ms_frank_2004'?" in refused(command, "run", "ms_frank_204")
