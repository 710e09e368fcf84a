"""A stop of the trial, for the proofs of a protocol: an event that may come at any time, once."""

from __future__ import annotations

import pytest

from protocolsim.proof.paths import routes
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.proof_case import case_of, possible_events
from protocolsim.scenario.check import check_text
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario

TRIAL = """\
title: A trial that may be stopped
cohort: {size: 20, disease: relapsing_ms, arrives_on: nothing}
protocol:
  states:
    baseline: {assessments: {mri: {weeks: [0]}}, lasts: 4 weeks}
    treated:
      enrolled: true
      treatment: {daclizumab: {dose: 1 mg/kg, every: 4 weeks}}
      lasts: 12 weeks
    tapered: {treatment: {daclizumab: {dose: 0.5 mg/kg, every: 4 weeks}}, lasts: 8 weeks}
    done: {final: completed}
    closed: {final: closed}
  transitions:
    - {from: baseline, to: treated}
    - {from: treated, to: done}
    - {from: tapered, to: done}
    - {from: treated, to: tapered, upon: stopped for futility}
    - {from: tapered, to: closed, upon: stopped for futility}
  always:
    long: {doses of: daclizumab, at most: 5}
populations:
  all: {of: enrolled}
interim:
  statistics: {many: {number of: all, followed for: 0 weeks}}
  looks: {when: {enrolled: [10, 20]}}
  rules:
    - {stop: futility, when: many < 12}
    - {at: last, conclude: done, otherwise: true}
"""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return build(parse(TRIAL, "trial.yaml"))


def test_it_may_come_in_every_state_that_goes_on(scenario):
    """Also in screening; in no final state."""
    code = scenario.trial.labels.events.index("stopped for futility")
    events = possible_events(scenario.trial)
    assert {s.name for s in scenario.trial.protocol.states if code in events[s.number]} == {
        "baseline", "treated", "tapered",
    }  # fmt: skip


def test_it_comes_once(scenario):
    """Who was moved by the stop is not moved by it again, so that nobody ends in what only a second one leads to."""
    found = routes(case_of(scenario.trial, scenario.named))
    assert found.whole
    names = {tuple(scenario.trial.protocol.states[n].name for n in r.states) for r in found.found}
    assert names == {("baseline", "treated", "done"), ("baseline", "treated", "tapered", "done")}


def test_it_may_come_at_any_time(scenario):
    """Doses are counted wherever it falls: three of treatment, then two when it comes at the very end."""
    found = routes(case_of(scenario.trial, scenario.named)).found
    assert max(len(r.doses) for r in found) == 5
    checked = check_text(TRIAL.replace("at most: 5", "at most: 4"), "trial.yaml")
    assert [f.kind for f in checked.findings if f.severity == "fault"] == ["bound broken"]
