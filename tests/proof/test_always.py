"""Bounds that must hold on every path: how they are written, proven, broken, or left open."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest

from protocolsim.errors import ScenarioError
from protocolsim.proof.bounds import bounds, largest
from protocolsim.proof.paths import routes
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.json_schema import json_schema
from protocolsim.scenario.scenario import Scenario
from tests.support.toys import DAY, scenario

# Doses on days 0, 7, 14 of `first`; after a scan if chance says so, at the end otherwise, `second` for a week.
TWO = """
summaries: {{chance: {{last of: chance}}, rounds: {{entries of: second}}}}
states:
  first:
    enrolled: true
    treatment: {{infusion: {{dose: 2 mg/kg, days: [0, 7, 14]}}}}
    assessments: {{scan: {{days: [0, 14]}}}}
    lasts: 21 days
  second:
    treatment: {{infusion: {{dose: 1 mg/kg, days: [0, 4]}}}}
    assessments: {{scan: {{days: [2]}}}}
    lasts: 7 days
  done: {{final: done}}
always:
{always}
transitions:
  - {{from: first, to: second, after: scan, when: chance > 0.5}}
  - {{from: first, to: second}}
{back}
  - {{from: second, to: done}}
"""


def toy(*always: str, back: str = "", **pieces: str) -> Scenario:
    return scenario(TWO.format(always="\n".join(f"  {line}" for line in always), back=back), **pieces)


def found(scenario_: Scenario) -> list[tuple[str, str]]:
    case = case_of(scenario_.trial, scenario_.named)
    return [(f.kind, str(f.path[-1])) for f in bounds(case, routes(case))]


# By hand: three ways, leaving `first` after the scan of day 0 (that day's dose lapses), of day 14, or on day 21.
# Doses (day: mg/kg): {0: 1, 4: 1}; {0: 2, 7: 2, 14: 1, 18: 1}; {0: 2, 7: 2, 14: 2, 21: 1, 25: 1}. Days: 7, 21, 28.
MOST = [
    ("{doses of: infusion, at most: N}", 5),
    ("{total dose of: infusion, at most: N mg/kg}", 8),
    ("{doses of: infusion, in any: 7 days, at most: N}", 2),
    ("{doses of: infusion, in any: 11 days, at most: N}", 2),
    ("{doses of: infusion, in any: 12 days, at most: N}", 3),
    ("{total dose of: infusion, in any: 8 days, at most: N mg/kg}", 4),
    ("{total dose of: infusion, in any: 1 minute, at most: N mg/kg}", 2),
    ("{time since: enrolment, at most: N days}", 28),
    ("{time since: second, at most: N days}", 7),
]


@pytest.mark.parametrize(("text", "most"), MOST)
def test_the_largest_value_is_the_bound_that_just_holds(text, most):
    """A bound holds at the largest value worked out by hand, and is broken by anything below it."""
    assert found(toy("bound: " + text.replace("N", str(most)))) == []
    assert found(toy("bound: " + text.replace("N", f"{most - 0.5}"))) == [("bound broken", "bound")]


def test_a_bound_may_use_parameters_and_units():
    """A bound is an expression like any other number of the file."""
    built = toy("bound: {time since: enrolment, at most: 2 * 2 weeks}")
    (bound,) = built.trial.protocol.always

    assert bound.at_most == 28 * DAY
    assert largest(case_of(built.trial, built.named), routes(case_of(built.trial, built.named)), bound)[0] == 28 * DAY


def test_a_loop_that_rules_bound_is_followed_to_its_end():
    """Three rounds at most, because a rule counts them: proven; without that rule it is left open."""
    bounded = "  - {from: second, to: second, when: rounds < 3 and chance > 0.5}"
    endless = "  - {from: second, to: second, when: chance > 0.5}"
    bound = "bound: {doses of: infusion, at most: 9}"

    assert found(toy(bound, back=bounded)) == []
    assert found(toy(bound.replace("9", "8"), back=bounded)) == [("bound broken", "bound")]
    assert found(toy("bound: {doses of: infusion, at most: 9000}", back=endless)) == [("not proven", "bound")]


def test_an_event_may_bring_doses_closer():
    """Who is moved by an event right after a dose gets the next one a minute later, not a week."""
    upon = "  - {from: first, to: second, upon: rash}"
    bound = "bound: {doses of: infusion, in any: 5 days, at most: 2}"

    assert found(toy(bound, back=upon, infusion="rash: 0 / 1 minute")) == []
    assert found(toy(bound, back=upon, infusion="rash: 1e-6 / 1 minute")) == [("bound broken", "bound")]


def test_where_visits_may_be_late_doses_may_come_closer():
    """With limited capacity the interval is taken wider by the window, and a time is not proven."""
    built = toy("a: {doses of: infusion, in any: 11 days, at most: 2}", "b: {time since: enrolment, at most: 28 days}")
    case = case_of(built.trial, built.named)
    late = dataclasses.replace(case, late=DAY)

    assert [f.kind for f in bounds(case, routes(case))] == []
    assert [(f.kind, f.possible) for f in bounds(late, routes(late))] == [("bound broken", True), ("not proven", False)]


REFUSED = [
    ("a: {at most: 3}", "one of 'doses of'"),
    ("a: {doses of: infusion, time since: enrolment, at most: 3}", "one of 'doses of'"),
    ("a: {doses of: infusion}", "'at most' is missing"),
    ("a: {doses of: infusoin, at most: 3}", "did you mean 'infusion'?"),
    ("a: {doses of: pill, at most: 3}", "unknown drug 'pill'|not given in doses"),
    ("a: {doses of: infusion, at most: 3 mg/kg}", "expected a plain number"),
    ("a: {total dose of: infusion, at most: 3}", "expected a dose"),
    ("a: {time since: enrolment, at most: 3 months}", "say weeks"),
    ("a: {time since: thrid, at most: 3 weeks}", "unknown state"),
    ("a: {time since: first, in any: 3 weeks, at most: 3 weeks}", "'in any' belongs to doses"),
    ("a: {doses of: infusion, in any: 3, at most: 3}", "expected a time"),
    ("a: {doses of: infusion, atmost: 3}", "did you mean 'at most'?"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_no_bound_is_refused(text, message):
    """A bound that cannot be read is one fault in the file's words."""
    with pytest.raises(ScenarioError, match=message) as refused:
        toy(text)
    assert len(refused.value.faults) == 1


def test_editors_know_bounds():
    """The JSON Schema accepts what the reader accepts, and refuses another key."""
    data = json.loads(json.dumps({"doses of": "infusion", "in any": "28 days", "at most": 2}))
    schema = json_schema()
    part = {**schema, "if": {}, "then": {"$ref": "#/$defs/AlwaysPart"}, "else": {}}

    jsonschema.validate(data, part)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "at least": 1}, part)
    assert "always" in ScenarioPart.model_fields["protocol"].annotation.model_fields  # type: ignore[union-attr]
