"""The synopsis says what the file says: every state, rule, number and mark of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import protocolsim
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from tests.cli.test_cli import command, refused
from tests.support import protocols

__all__ = ["command"]


@pytest.mark.parametrize("name", names())
def test_everything_of_the_file_is_there(name):
    """Every state's label, endpoint, parameter with its mark, rule and size of a shipped scenario stands there."""
    scenario = load(name)
    text = protocolsim.describe(scenario).text
    plain = " ".join(text.split())
    for state in scenario.trial.protocol.states:
        assert (state.outcome or state.label) in plain
    for endpoint in scenario.endpoints.values():
        assert f"{endpoint.label}: {endpoint.counting}." in plain
    for parameter in scenario.own_parameters:
        mark = f" [{parameter.mark}]" if parameter.mark else ""
        assert f"{parameter.label} = {scenario.spoken.words(parameter.text)}: {parameter.meaning}{mark}" in plain
    assert f"{scenario.trial.cohort.size:,} patients are enrolled" in plain
    rules = protocolsim.describe(scenario).sections["Decision rules"]
    assert len(rules) == len({t.item for t in scenario.trial.protocol.transitions})
    for row in scenario.parameters:
        if row.mark in ("A", "M"):
            assert f"{row.called} {row.value:g}" in plain


def test_the_published_trial():
    """The rule of the published trial reads as it is meant, and an assumption stands among assumptions."""
    sections = protocolsim.describe("ms_daclizumab").sections
    way = "From 'Interferon beta and daclizumab' to 'Daclizumab alone'"
    rule = f"{way}: after 26 weeks, if fall of CELs from baseline > response threshold (75 %)."
    assert rule in sections["Decision rules"]
    assert any(line.startswith("Rescue level = 100 %") for line in sections["Assumptions"])
    assert not any(line.startswith("Rescue level") for line in sections["Parameters of the protocol"])
    changed = protocolsim.describe(load("ms_daclizumab", set={"response_threshold": "60 %"}))
    assert "response threshold (60 %)" in changed.text


def test_randomisation():
    """A randomised protocol says its blocks and arms."""
    assert "Randomised (arms) in blocks of" in protocolsim.describe(protocols.rich()).text


def test_looks():
    """When looks are held, what they read of whom, the bounds, and what ends the trial, each in a sentence."""
    said = protocolsim.describe("ms_group_sequential").sections["Looks at the accumulating data"]
    looks = "'look_1', 'look_2', 'look_3' and 'look_4'"
    assert said[0] == f"Looks {looks}: when 30, 60, 90 and 120 patients have been followed for 26 weeks."
    assert "z: z of passed between arms, of patients followed for 26 weeks." in said
    assert any("4.333 at 'look_1'" in line and "2.014 at 'look_4'" in line for line in said)
    assert "At each look: stop for efficacy if z ≥ efficacy." in said
    assert "At 'look_4': conclude 'no effect', otherwise." in said
    assert "Looks at the accumulating data" not in protocolsim.describe("ms_randomised").sections


def test_command(command):
    """Printed, as JSON, as Markdown and as a page it is the same synopsis; what cannot be is refused."""
    status, out, err = command("describe", "ms_no_drug")
    assert (status, err) == (0, "")
    assert "Decision rules" in out
    found = protocolsim.describe("ms_no_drug")
    assert json.loads(command("describe", "ms_no_drug", "--json")[1]) == found.summary()
    assert command("describe", "ms_no_drug", "-o", "x.md") == (0, "", "")
    assert Path("x.md").read_text() == found.text
    assert command("describe", "ms_no_drug", "-o", "x.html") == (0, "", "")
    assert 'class="schedule"' in Path("x.html").read_text()
    assert "such a file already" in refused(command, "describe", "ms_no_drug", "-o", "x.md")
    assert "end it in .md" in refused(command, "describe", "ms_no_drug", "-o", "x.pdf")
