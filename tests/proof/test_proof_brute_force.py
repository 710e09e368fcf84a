"""Proofs about rules against all patients there can be, counted out one by one with the engines' own evaluation."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocolsim.observed import Chart
from protocolsim.proof.base import Case, Domain
from protocolsim.proof.coverage import without_a_way
from protocolsim.proof.decisions import Judge
from protocolsim.proof.questions import DecisionQuestion, Patients
from protocolsim.proof.symbolic import chart as symbolic_chart
from protocolsim.protocol.states import Group
from protocolsim.scenario.build.proof_case import case_of
from tests.support.toys import DAY, scenario

VISITS = (0, 7, 14)  # days
LENGTH = 21
MOST = 2  # each observation is 0, 1 or 2

HOW = ("sum", "mean", "last", "first", "smallest", "largest", "count")
FILTERS = ("", ", first: 1", ", first: 2", ", last: 2", ", within: 14 days", ", first: 2, last: 2", ", at: day 7")
NUMBERS = ("0", "1", "2", "3", "0.5", "1 / 3", "75 %", "0.9999999995")
PROTOCOL = """
summaries:
  a: {{{a}}}
  b: {{{b}}}
  c: {c}
states:
  s0:
    enrolled: true
    assessments: {{blood: {{days: [0, 7, 14]}}}}
    lasts: 3 weeks
  one: {{final: one}}
  two: {{final: two}}
  three: {{final: three}}
transitions:
  - {{from: s0, to: one, when: "{first}"}}
  - {{from: s0, to: two, when: "{second}"}}
  - {{from: s0, to: three, otherwise: true}}
"""

observed = st.tuples(st.sampled_from(HOW), st.sampled_from(FILTERS)).map(lambda p: f"{p[0]} of: cells{p[1]}")
FORMULAS = (
    *("a / b", "1 - a / b", "a - b", "(a + b) / 2", "b / (a - 1)", "-a * 2"),
    *("min(a, b)", "max(a / b, 1)", "if(a > b, a - b, b / a)", "abs(a - b)", "max(min(a, 1), b)"),
)
formulas = st.sampled_from(FORMULAS)
numbers = st.one_of(
    st.sampled_from(["a", "b", "c"]), st.sampled_from(NUMBERS), st.sampled_from(["a + b", "c / a", "min(a, c)"])
)
comparisons = st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join)
rules = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        inner.map(lambda r: f"not ({r})"),
    ),
    max_leaves=3,
)


def case(a: str, b: str, c: str, first: str, second: str, *, may_miss: bool) -> Case:
    """The toys' scenario with these rules; a count of cells is 0, 1 or 2."""
    built = scenario(PROTOCOL.format(a=a, b=b, c=c, first=first, second=second))
    found = case_of(built.trial, built.named)
    whole = tuple(Domain(0, MOST, whole=True) for _ in found.variables)
    return dataclasses.replace(found, variables=whole, may_miss=may_miss)


def everybody(case: Case) -> dict[str, np.ndarray]:
    """Every patient there can be: whether each rule holds, by the engines' own readers and rules."""
    seen = [(value, True) for value in range(MOST + 1)] + ([(0, False)] if case.may_miss else [])
    patients = list(itertools.product(seen, repeat=len(VISITS)))
    rows = np.arange(len(patients))
    chart = Chart.empty(len(patients), len(case.names), len(case.protocol.states), len(case.traits))
    chart.enter(rows, 0, np.zeros(len(rows), dtype=np.int64), True)
    for visit, day in enumerate(VISITS):
        made = np.array([k for k in rows if patients[k][visit][1]], dtype=np.int64)
        value = np.array([[float(p[visit][0])] for p in patients])
        minute = np.full(len(patients), day * DAY)
        chart.note(made, case.names.index("cells"), minute, 0, value[made], 0)
    group = group_of(case)
    values = case.protocol.reader.values(group.reads, chart, rows, np.full(len(patients), LENGTH * DAY))
    # A number that is the same for everybody comes as one.
    numbers = [v if v is None else np.broadcast_to(np.asarray(v, dtype=float), len(patients)) for v in values]
    rules = [t.rule.evaluate(numbers) for t in group.transitions if t.rule is not None]
    found = {f"rule {k}": np.broadcast_to(np.asarray(r, dtype=bool), len(patients)) for k, r in enumerate(rules)}
    names = {s.name: v for s, v in zip(case.protocol.reader.summaries, numbers, strict=True) if v is not None}
    return found | {f"no {name}": np.isnan(v) for name, v in names.items()}


def group_of(case: Case) -> Group:
    group = case.protocol.states[0].at_end
    assert group is not None
    return group


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(observed, observed, formulas, rules, rules, st.booleans())
def test_proofs_agree_with_counting_out(a: str, b: str, c: str, first: str, second: str, may_miss: bool):
    """What can be true of a patient, by proof, is what is true of one of all the patients there can be."""
    drawn = case(a, b, c, first, second, may_miss=may_miss)
    count = everybody(drawn)
    one, two = count["rule 0"], count["rule 1"]

    decision = DecisionQuestion(Patients(drawn), drawn.protocol.states[0], group_of(drawn))
    logic = decision.logic
    rule = [decision.rules[t.number] for t in decision.group.transitions[:2]]

    def can(*claims: Any) -> bool:
        answer = decision.can(*claims)
        assert answer.verdict != "given up"
        return answer.verdict == "yes"

    assert can(rule[0]) == one.any()
    assert can(rule[1]) == two.any()
    assert can(logic.no(rule[0])) == (~one).any()
    assert can(rule[1], logic.no(rule[0])) == (two & ~one).any()
    assert can(rule[0], rule[1]) == (one & two).any()
    assert can(logic.no(rule[0]), logic.no(rule[1])) == (~one & ~two).any()
    for name in decision.read_by(*decision.group.transitions):
        assert can(logic.no(decision.chart.meaning(name).defined)) == count[f"no {name}"].any(), name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(observed, observed, formulas, rules, rules, st.booleans())
def test_what_is_known_only_roughly_proves_nothing_false(
    a: str, b: str, c: str, first: str, second: str, may_miss: bool
):
    """Where observations are not kept apart, whatever is true of somebody still can be, by proof."""
    drawn = case(a, b, c, first, second, may_miss=may_miss)
    count = everybody(drawn)
    one, two = count["rule 0"], count["rule 1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(symbolic_chart, "MOST_SYMBOLS", 0)
        decision = DecisionQuestion(Patients(drawn), drawn.protocol.states[0], group_of(drawn))
    logic = decision.logic
    rule = [decision.rules[t.number] for t in decision.group.transitions[:2]]
    claims = [
        (one, [rule[0]]),
        (~one, [logic.no(rule[0])]),
        (two & ~one, [rule[1], logic.no(rule[0])]),
        (one & two, rule),
        (~one & ~two, [logic.no(r) for r in rule]),
    ]

    for so, claim in claims:
        assert not so.any() or decision.can(*claim).verdict == "yes"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(observed, observed, formulas, rules, rules)
def test_a_counterexample_is_one_of_all_patients(a: str, b: str, c: str, first: str, second: str):
    """The numbers of a counterexample are those of a patient there can be, for whom no rule holds."""
    drawn = case(a, b, c, first, second, may_miss=False)
    count = everybody(drawn)
    decision = DecisionQuestion(Patients(drawn), drawn.protocol.states[0], group_of(drawn))
    two = dataclasses.replace(decision.group, transitions=decision.group.transitions[:2])
    answer = without_a_way(DecisionQuestion(decision.patients, decision.state, two))
    if answer.verdict != "yes":
        assert not (~count["rule 0"] & ~count["rule 1"]).any()
        return

    names = [n for n in ("a", "b") if n in decision.leaves(decision.read_by(*two.transitions))]
    group = group_of(drawn)
    shown = DecisionQuestion(decision.patients, decision.state, two)
    found = shown.numbers(without_a_way(shown), names)
    wanted = ~count["rule 0"] & ~count["rule 1"]
    values = _values(drawn, group, names)
    same = np.array([
        all(_same(values[name][k], found[name]) for name in names) for k in range(len(wanted))
    ])  # fmt: skip
    assert (same & wanted).any(), found


def _values(case: Case, group: Group, names: Sequence[str]) -> dict[str, np.ndarray]:
    patients = list(itertools.product(range(MOST + 1), repeat=len(VISITS)))
    chart = Chart.empty(len(patients), len(case.names), len(case.protocol.states), len(case.traits))
    rows = np.arange(len(patients))
    chart.enter(rows, 0, np.zeros(len(rows), dtype=np.int64), True)
    for visit, day in enumerate(VISITS):
        value = np.array([[float(p[visit])] for p in patients])
        chart.note(rows, case.names.index("cells"), np.full(len(rows), day * DAY), 0, value, 0)
    values = case.protocol.reader.values(group.reads, chart, rows, np.full(len(rows), LENGTH * DAY))
    numbers = {s.name: v for s, v in zip(case.protocol.reader.summaries, values, strict=True)}
    return {name: np.broadcast_to(np.asarray(numbers[name], dtype=float), len(rows)) for name in names}


def _same(number: float, shown: float | None) -> bool:
    return np.isnan(number) if shown is None else abs(number - shown) < 1e-9


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ("a < 0", "a >= 0", {"never true", "always true", "hidden"}),
        ("a >= 1", "a > 0.5", {"hidden"}),
        ("a >= 1", "a >= 2", {"hidden"}),
        ("a >= 2", "a >= 1", {"overlap"}),
        ("a > 0", "b > 0", {"overlap"}),
        ("a / b > 1", "a > 5", {"division by zero", "never true"}),
    ],
)
def test_verdicts_have_their_names(first, second, kinds):
    """The kinds of findings on rules whose verdict is plain to see."""
    judge = Judge(case("last of: cells", "first of: cells", "a - b", first, second, may_miss=False))
    judge.judge()

    assert {f.kind for f in judge.findings} == kinds
