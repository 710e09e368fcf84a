"""`protocolsim boundaries`: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from protocolsim.study.boundaries.boundaries import boundaries
from tests.cli.test_cli import command, refused
from tests.support.looks import two_arms

__all__ = ["command"]

QUICK = ("boundaries", "two_arms.yaml", "--replicates", "20")
WRITTEN = [f"boundaries.{form}" for form in ("parquet", "csv", "png", "svg", "html")]


@pytest.fixture(autouse=True)
def _there(command) -> None:
    """The scenario as a file in the folder in which commands are given."""
    Path("two_arms.yaml").write_text(two_arms().resolved, encoding="utf-8")


def test_json_is_the_table_and_nothing_else(command):
    """--json prints the design's own boundaries first, with their numbers, and what was calibrated."""
    status, out, err = command(*QUICK, "--json", "--calibrate", "10 %")
    found = json.loads(out)
    told = boundaries(two_arms(), replicates=20, calibrate=0.1)
    assert (status, err) == (0, "")
    assert found == json.loads(json.dumps(told.summary()))
    assert found["boundaries"][0]["chosen"]
    assert found["calibrated"]["target"] == 0.1


def test_out_and_resume(command):
    """--out holds the table, figure and page; with more replicates --resume goes on, and says what a new run says."""
    assert command(*QUICK, "--quiet", "--out", "results") == (0, "", "")
    assert {*WRITTEN, "report.html", "summary.json", "scenario.yaml"} <= {p.name for p in Path("results").iterdir()}
    assert "--overwrite" in refused(command, *QUICK, "--out", "results")
    more = ("boundaries", "two_arms.yaml", "--replicates", "30", "--quiet")
    assert command(*more, "--out", "results", "--resume") == (0, "", "")
    assert command(*more, "--out", "anew") == (0, "", "")
    tables = [pd.read_parquet(f"{folder}/boundaries.parquet") for folder in ("results", "anew")]
    assert tables[0].equals(tables[1])


def test_bounds_to_try(command):
    """--try tries these bounds beside the design's own, and nothing else."""
    status, out, _ = command(*QUICK, "--json", "--try", "efficacy=3,none,2.5,2", "--try", "futility=none,none,0")
    rows = json.loads(out)["boundaries"]
    assert status == 0
    assert [row["family"] for row in rows] == ["as declared", "given"]
    assert [rows[1][f"efficacy at look_{k}"] for k in (1, 2, 3, 4)] == [3.0, None, 2.5, 2.0]


@pytest.mark.parametrize(("words", "said"), [
    (("--try", "efficacy"), "expected NAME=VALUES"),
    (("--try", "efficacy=a,b"), "'a' is no number"),
    (("--try", "efficacy=1,2"), "2 bounds stand here, and there are 4 looks"),
    (("--try", "eficacy=1,2,3,4"), "did you mean 'efficacy'"),
    (("--try", "efficacy=2,2,2,2", "--try", "efficacy=2,2,2,2"), "it is said twice"),
    (("--try", "efficacy=inf,2,2,2"), "'inf' is no bound"),
    (("--calibrate", "often"), "expected an error such as 2.5%"),
    (("--calibrate", "200%"), "not between 0 and 100 %"),
])  # fmt: skip
def test_refusals(command, words, said):
    """What cannot be tried is refused in one sentence."""
    assert said in refused(command, *QUICK, *words)
