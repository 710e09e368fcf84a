"""Proofs about rules that read variables, against every patient there can be, counted out."""

from __future__ import annotations

import dataclasses
import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocolsim.proof.base import Domain
from protocolsim.proof.paths import by_states, routes
from protocolsim.proof.questions import DecisionQuestion, Patients
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import parse
from protocolsim.scenario.build.proof_case import case_of
from tests.support.toys import DAY, scenario

MOST = 2  # a count of cells is 0, 1 or 2
LOW, HIGH, START = 0.0, 5.0, 1.0
PROTOCOL = """
variables: {{n: {{start: 1, range: [0, 5]}}, gap: {{start: 2 days, range: [1 day, 4 days]}}}}
summaries: {{now: {{last of: cells}}, times: {{entries of: again}}}}
states:
  treated: {{enrolled: true, assessments: {{blood: {{days: [0, 1, 2]}}}}, lasts: 3 days}}
  again: {{lasts: gap}}
  one: {{final: one}}
  two: {{final: two}}
transitions:
  - {{from: treated, after: blood, when: {first}, set: {{n: "{a}"}}}}
  - {{from: treated, after: blood, when: {second}, set: {{n: "{b}"}}}}
  - {{from: treated, to: again, when: {third}, set: {{n: "{c}"}}}}
  - {{from: treated, to: two, otherwise: true}}
  - {{from: again, to: one, when: {fourth} or times > 3}}
  - {{from: again, to: again, otherwise: true, set: {{n: "{a}", gap: gap + 36 hours}}}}
"""
RULES = ("now > 0", "now == 2", "n > 2", "n == 1", "n < now", "n >= 4.5", "n != 1 and now < 1", "n > 5", "n >= 0")
SETS = ("n + 1", "n - 2", "2 * n", "now", "n + now", "n / now", "4", "max(n, now) - 1", "if(n > 2, 0, n + 2)")
rules, sets = st.sampled_from(RULES), st.sampled_from(SETS)


def value(text: str, n: float, now: float, times: float = 0.0) -> float:
    slots = {"n": 0, "now": 1, "times": 2}
    return compiled(parse(text), {}, slots)([n, now, times])  # type: ignore[no-any-return]


def settled(text: str, n: float, now: float) -> float:
    """What n becomes."""
    found = value(text, n, now)
    return n if found != found else min(max(found, LOW), HIGH)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules, rules, rules, rules, sets, sets, sets)
def test_nothing_is_proven_that_a_patient_contradicts(first, second, third, fourth, a, b, c):
    """Whatever is so for some patient can be, by proof; and the ways that patients go are among the paths."""
    words = {"first": first, "second": second, "third": third, "fourth": fourth, "a": a, "b": b, "c": c}
    built = scenario(PROTOCOL.format(**words))
    found = case_of(built.trial, built.named)
    case = dataclasses.replace(found, variables=tuple(Domain(0, MOST, whole=True) for _ in found.variables))
    ends: set[tuple[bool, ...]] = set()
    after: set[tuple[str, bool]] = set()
    ways: set[tuple[str, ...]] = set()
    lengths: set[int] = set()
    for seen in itertools.product(range(MOST + 1), repeat=3):
        n = START
        for now in map(float, seen):
            taken = next((k for k, rule in enumerate((first, second)) if value(rule, n, now)), None)
            after |= {("first", bool(value(first, n, now))), ("second", taken == 1)}
            n = n if taken is None else settled((a, b)[taken], n, now)
        ends.add((bool(value(third, n, now)),))
        if not value(third, n, now):
            ways.add(("treated", "two"))
            lengths.add(3 * DAY)
            continue
        n, gap, at, times = settled(c, n, now), 2 * DAY, 3 * DAY + 2 * DAY, 1
        while not (value(fourth, n, now) or times > 3):
            n, gap, times = settled(a, n, now), min(gap + DAY * 3 // 2, 4 * DAY), times + 1
            at += gap
        ways.add(("treated", *["again"] * times, "one"))
        lengths.add(at)
    state = case.protocol.states[0]
    assert state.at_end is not None
    decision = DecisionQuestion(Patients(case), state, state.at_end)
    rule = decision.rules[state.at_end.transitions[0].number]
    for (holds,) in ends:
        assert decision.can(rule if holds else decision.logic.no(rule)).verdict == "yes"
    (group,) = state.after.values()
    decision = DecisionQuestion(Patients(case), state, group)
    one, two = group.transitions
    for which, so in after:
        claim = decision.rules[one.number] if which == "first" else decision.taken(two)
        assert decision.can(claim if so else decision.logic.no(claim)).verdict == "yes"
    paths = routes(case)
    if paths.whole:
        known = {tuple(case.protocol.states[s].name for s in states) for states in by_states(paths)}
        assert ways <= known
        assert lengths <= {r.ends for r in paths.found}
