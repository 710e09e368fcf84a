"""`for:`: one state written for several options is the scenario that has each of them written out."""

from __future__ import annotations

import json

import pytest

from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.check import check_text
from protocolsim.scenario.file.templates import expanded
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario

HEAD = """\
title: A toy
cohort: {size: 30, disease: "tests.support.toys:ToyDisease"}
drugs:
  infusion: {kind: "tests.support.toys:Infusion"}
  pill: {kind: "tests.support.toys:Pill"}
protocol:
"""
SHORT = (
    HEAD
    + """\
  summaries:
    seen: {last of: chance, during: treated}
  states:
    first: {enrolled: true, lasts: 1 day}
    treated:
      for: {dose: {low: 1 mg/kg, high: 2 mg/kg}, days: [3, 5]}
      label: "{dose} for {days} days"
      treatment: {infusion: {dose: "{dose}", days: [0]}}
      assessments: {scan: {days: ["{days}"]}}
      lasts: "{days} days"
    well: {final: well}
    ill_low: {final: ill on little}
    ill_high: {final: ill on much}
    gone: {final: gone}
  randomisations:
    arms: {between: {treated: 1}}
  transitions:
    - {from: first, randomise: arms}
    - {name: better, from: treated, to: well, when: seen > 0.5}
    - {from: [treated_low_3, treated_low_5], to: ill_low, otherwise: true}
    - {from: [treated_high_3, treated_high_5], to: ill_high, otherwise: true}
    - {from: [treated, first], to: gone, upon: fever}
populations:
  much: {entered: treated, not_entered: [treated_low_3, treated_low_5]}
endpoints:
  well: {kind: share, ended_in: well, among: much}
"""
)
NAMES = ["treated_low_3", "treated_low_5", "treated_high_3", "treated_high_5"]


def built(text: str) -> Scenario:
    return build(parse(text, "toy.yaml"), allow_plugins=True)


def long() -> str:
    """The same, written out by hand."""
    data = json.loads(json.dumps(parse(SHORT, "x").data))
    states = {}
    for name, state in data["protocol"]["states"].items():
        if name != "treated":
            states[name] = state
            continue
        for called, dose in (("low", "1 mg/kg"), ("high", "2 mg/kg")):
            for days in (3, 5):
                states[f"treated_{called}_{days}"] = {
                    "label": f"{dose} for {days} days",
                    "treatment": {"infusion": {"dose": dose, "days": [0]}},
                    "assessments": {"scan": {"days": [days]}},
                    "lasts": f"{days} days",
                }
    protocol = data["protocol"] | {"states": states}
    protocol["summaries"]["seen"]["during"] = NAMES
    protocol["randomisations"]["arms"]["between"] = dict.fromkeys(NAMES, 1)
    ways = protocol["transitions"]
    better = [{"name": f"better_{n[8:]}", "from": n, "to": "well", "when": "seen > 0.5"} for n in NAMES]
    protocol["transitions"] = [ways[0], *better, *ways[2:4], ways[4] | {"from": [*NAMES, "first"]}]
    data["populations"]["much"]["entered"] = NAMES
    return json.dumps(data | {"protocol": protocol})


def test_it_is_what_would_be_written_out():
    """The same states, transitions, records and members."""
    short, written = built(SHORT), built(long())
    assert [s.name for s in short.trial.protocol.states] == [s.name for s in written.trial.protocol.states]
    assert [(t.source, t.to, t.trigger) for t in short.trial.protocol.transitions] == [
        (t.source, t.to, t.trigger) for t in written.trial.protocol.transitions
    ]
    assert short.populations == written.populations
    assert des.simulate(short.trial, 1, range(3)).equal(des.simulate(written.trial, 1, range(3)))
    assert [s.label for s in short.trial.protocol.states][1] == "1 mg/kg for 3 days"


def test_what_is_kept_is_what_was_written():
    """Settings are made in the file's own words, before the options are."""
    short = built(SHORT)
    assert "treated" in short.document.data["protocol"]["states"]
    again = short.build(short.document) if hasattr(short, "build") else build(short.document, allow_plugins=True)
    assert [s.name for s in again.trial.protocol.states] == [s.name for s in short.trial.protocol.states]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('dose: "{dose}"', 'dose: "{dsoe}"', 14, "cannot read"),
        ('"{days} days"\n', '"{days} mg"\n', 16, "expected a time"),
        ("to: well, when", "to: wel, when", 25, "did you mean 'well'"),
        ("high: 2 mg/kg", "high: 2 mg/gk", 14, "unknown name 'gk'"),
        ("days: [3, 5]}\n", "days: [3, 3]}\n", 12, "the same option stands there twice"),
        ("days: [3, 5]}\n", "days: [3, 5 or 6]}\n", 12, "cannot be part of a state's name"),
        ("days: [3, 5]}\n", "days: 3}\n", 12, "expected the options of each word"),
        (
            "    well: {final: well}",
            "    well: {final: well}\n    treated_low_3: {final: x}",
            12,
            "another one of that name",
        ),
    ],
)
def test_faults_are_told_at_the_line_that_was_written(old, new, line, said):
    """Whichever option is at fault."""
    with pytest.raises(ScenarioError) as error:
        built(SHORT.replace(old, new, 1))
    fault = error.value.faults[0]
    assert said in fault.message
    assert fault.line == line


def test_findings_of_check_are_told_at_the_line_that_was_written():
    """Of the second template's transition, after many have come in before it."""
    text = SHORT.replace("when: seen > 0.5", "when: seen > 0.5 and seen < 0.4")
    findings = check_text(text, "toy.yaml", allow_plugins=True).findings
    assert {f.line for f in findings if "can never be true" in f.message} == {25}


def test_a_document_without_templates_is_itself():
    """Nothing is written again for nothing."""
    document = parse(long(), "x.yaml")
    assert expanded(document) is document
