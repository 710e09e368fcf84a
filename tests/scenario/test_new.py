"""A new scenario is a commented file that runs as written."""

from __future__ import annotations

from pathlib import Path

import protocolsim
from protocolsim.scenario.load import load
from tests.cli.test_cli import command, refused

__all__ = ["command"]


def test_it_runs_as_written(command):
    """What `new` writes loads without a warning, runs, reports every endpoint, and is drawn and described."""
    status, out, err = command("new", "my_trial")
    assert (status, err) == (0, "")
    assert "protocolsim run my_trial.yaml" in out
    scenario = load("my_trial.yaml")
    assert scenario.warnings == ()
    result = protocolsim.run(scenario, replicates=3)
    assert all(e.value == e.value for e in result.estimates.values())
    assert {"alone", "both", "completed"} <= set(result.moves["to_state"])
    assert "Sent to the drug alone" in protocolsim.describe(scenario).text
    assert "cel reduction" in str(protocolsim.diagram(scenario))
    assert command("run", "my_trial.yaml", "--replicates", "2", "--quiet") == (0, "", "")


def test_it_is_checked_clean(command):
    """The check of a new scenario finds no fault."""
    command("new", "my_trial.yaml")
    status, out, err = command("check", "my_trial.yaml")
    assert (status, err) == (0, ""), out


def test_comments_name_the_file(command):
    """Its comments say the commands for this very file, and explain units and marks."""
    command("new", "other")
    text = Path("other.yaml").read_text()
    assert "protocolsim trace other.yaml --subject 0" in text
    assert "FILE" not in text
    assert sum("#" in line for line in text.splitlines()) > 20


def test_refusals(command):
    """A file that is there is never overwritten; a folder must be there."""
    Path("mine.yaml").write_text("mine")
    assert "such a file already" in refused(command, "new", "mine")
    assert "such a file already" in refused(command, "new", "mine.yaml")
    assert "no folder" in refused(command, "new", "nowhere/mine")
    assert "cannot name" in refused(command, "new", ".yaml")
