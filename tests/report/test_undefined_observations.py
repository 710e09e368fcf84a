"""Observations of which a declared model computes nothing are told, as whatever else is left out."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from protocolsim.report.run.console import print_summary
from protocolsim.report.run.page import page
from protocolsim.scenario.load import load_text
from protocolsim.study.result import Result
from protocolsim.study.run import run

TRIAL = """title: The logarithm of a change
cohort: {{size: 20, disease: ailment}}
replicates: 4
models:
  ailment:
    kind: disease
    meaning: an ailment of which one number is seen
    traits: {{change: {{uniform: {{from: -1, to: 1}}, meaning: by how much it changes}}}}
    assessments:
      check_up: {{seen: {{label: what is seen, meaning: its size, {shows}}}, whole: {{meaning: it, shows: change}}}}
protocol:
  states:
    watched: {{enrolled: true, assessments: {{check_up: {{weeks: [0, 4]}}}}, lasts: 6 weeks}}
    done: {{final: done}}
  transitions: [{{from: watched, to: done}}]
endpoints:
  size: {{kind: level, variable: seen, at: 4 weeks}}
"""


def ran(shows: str) -> tuple[Result, str]:
    """The trial where this is shown, and what the terminal says of it, in one line."""
    result = run(load_text(TRIAL.format(shows=shows), "trial.yaml"))
    console = Console(file=io.StringIO(), width=80)
    print_summary(result, console)
    assert isinstance(console.file, io.StringIO)
    return result, re.sub(r"\s+", " ", console.file.getvalue())


@pytest.mark.parametrize("shows", ["shows: log(change)", "shows: '1 / max(0, change)'", "shows: sqrt(change)"])
def test_how_many_are_undefined_is_said(shows: str) -> None:
    """As many as the patients whose number has none, at each of two visits; in the terminal and on the page."""
    result, said = ran(shows)
    table = result.observations.query("variable == 'seen'")
    number = int(table["value"].isna().sum())
    assert number == int((result.observations.query("variable == 'whole'")["value"] <= 0).sum()) > 20
    assert f"and count as missing: what is seen: {number}." in said
    assert f"and count as missing: what is seen: {number}." in page(result)


@pytest.mark.parametrize("shows", ["shows: exp(change)", "shows: log(abs(change)), missing: 50 %"])
def test_what_has_a_value_or_may_be_missing_is_not_warned_of(shows: str) -> None:
    """A value that the model itself says may be missing is no surprise."""
    result, said = ran(shows)
    assert result.undefined == {}
    assert "no value" not in said
