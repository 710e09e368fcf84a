"""Numbers that a protocol keeps: what is set, what it is cut to, and what follows it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.functions import FUNCTIONS
from protocolsim.protocol.intervals import bounds_of, interval_of
from protocolsim.protocol.rules import parse
from protocolsim.protocol.variables import ProtocolVariable, cut
from protocolsim.records import Records, concatenate, leaving
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import NONE
from tests.support.toys import DAY, FEVER_STREAM, moves, rate_for, rows, scenario

HALF = DAY // 2


def both(built: Scenario, replicates: int = 1) -> Records:
    """The records of both engines, which are the same."""
    slow = des.simulate(built.trial, 1, range(replicates))
    fast = concatenate(list(batch.pieces(built.trial, 1, range(replicates))))
    assert slow.equal(fast)
    return slow


def columns(records: Records, *names: str) -> list[Any]:
    return rows(records, "moves", *names)


TITRATION = """
variables:
  dose: {start: 10 mg, range: [0 mg, 30 mg], meaning: dose in force}
  scans: {start: 0, range: [0, 100]}
summaries: {seen: {count of: clock}}
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: dose, every: 1 day}}
    assessments: {scan: {every: 2 days}}
    lasts: 10 days
  done: {final: done}
transitions:
  - {from: treated, after: scan, when: seen > 1, set: {dose: dose + 8 mg, scans: seen}}
  - {from: treated, to: done}
"""


class TestInternalTransitions:
    """A transition that leads nowhere sets variables, and nothing of the state lapses."""

    def test_a_titration_comes_to_what_is_worked_out_by_hand(self):
        """Steps of 8 mg at every scan but the first, cut to 30 mg; that day's dose is the new one already."""
        records = both(scenario(TITRATION))
        doses = rows(records, "doses", "minute", "dose", "amount")
        steps = [10.0, 10.0, 18.0, 18.0, 26.0, 26.0, 30.0, 30.0, 30.0, 30.0]
        assert doses == [(k * DAY, dose, dose) for k, dose in enumerate(steps)]
        set_ = columns(records, "minute", "set_dose", "set_scans")
        assert set_[:-1] == [(2 * DAY, 18.0, 2.0), (4 * DAY, 26.0, 3.0), (6 * DAY, 30.0, 4.0), (8 * DAY, 30.0, 5.0)]
        assert np.isnan(set_[-1][1:]).all()

    def test_it_is_recorded_as_a_move_that_does_not_leave(self):
        """From the state to itself, beside the moves that do leave; its reason says what was set, and what was cut."""
        records = both(scenario(TITRATION))
        assert moves(records)[:2] == [(2 * DAY, "treated", "treated"), (4 * DAY, "treated", "treated")]
        assert leaving(records).tolist() == [False] * 4 + [True]
        reasons = columns(records, "trigger", "reason")
        assert reasons[0] == (
            "after scan", "seen > 1 | dose = 10, scans = 0, seen = 2 | dose 10 mg -> 18 mg, scans 0 -> 2"
        )  # fmt: skip
        assert reasons[2][1].endswith("| dose 26 mg -> 30 mg (cut from 34 mg), scans 3 -> 4")

    def test_nothing_lapses_and_the_state_is_not_entered_again(self):
        """Visits, the end and the number of entries are those of the same protocol without it."""
        plain = TITRATION.replace("when: seen > 1, set: {dose: dose + 8 mg, scans: seen}", "when: seen > 99, to: done")
        same = (both(scenario(text)) for text in (TITRATION, plain))
        kept, other = (rows(r, "observations", "minute", "variable", "index", "state") for r in same)
        assert kept == other
        counted = TITRATION.replace("scans: seen}", "scans: entries}").replace(
            "{count of: clock}}", "{count of: clock}, entries: {entries of: treated}}"
        )
        assert set(columns(both(scenario(counted)), "set_scans")[:-1]) == {1.0}

    def test_later_transitions_of_the_group_are_not_tried_but_the_next_group_is(self):
        """At one visit: of those after one assessment the first that holds; those after the next see what it set."""
        built = scenario(
            """
variables: {n: {start: 0, range: [0, 9]}, m: {start: 0, range: [0, 9]}}
states:
  treated: {enrolled: true, assessments: {scan: {days: [0]}, blood: {days: [0]}}, lasts: 1 day}
  done: {final: done}
transitions:
  - {from: treated, after: scan, set: {n: n + 1}}
  - {from: treated, after: blood, when: n >= 1, set: {m: 5}}
  - {from: treated, after: blood, set: {m: 7}}
  - {from: treated, to: done}
"""
        )
        (n, none), (nothing, m) = columns(both(built), "set_n", "set_m")[:2]
        assert (n, m) == (1.0, 5.0)
        assert np.isnan([none, nothing]).all()

    def test_upon_an_event_the_stay_goes_on(self):
        """The clock of the event starts anew, and the dose in force is the new one from that minute on."""
        text = """
variables: {dose: {start: 4 mg, range: [1 mg, 9 mg]}}
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: dose, every: 2 days}}
    assessments: {scan: {days: [3]}}
    lasts: 6 days
  done: {final: done}
transitions:
  - {from: treated, upon: fever, set: {dose: dose / 2}}
  - {from: treated, to: done}
"""
        records = both(scenario(text, infusion=f"fever: {rate_for(DAY, FEVER_STREAM)}"))
        struck = rows(records, "events", "minute", event="fever")
        assert struck[0] == DAY
        assert moves(records) == [*((m, "treated", "treated") for m in struck), (6 * DAY, "treated", "done")]
        halved = [4.0 / 2 ** sum(m <= day * DAY for m in struck) for day in (0, 2, 4)]
        assert rows(records, "doses", "dose") == [max(1.0, h) for h in halved]
        # The toy's effect is the area under the levels: 4 mg to the event, then 2 mg.
        levels = [(4.0 if k == 0 else max(1.0, 4.0 / 2**k)) for k in range(len(struck) + 1)]
        edges = [0, *(m for m in struck if m < 3 * DAY), 3 * DAY]
        area = sum(level * (b - a) for level, a, b in zip(levels, edges, edges[1:], strict=False))
        assert rows(records, "observations", "value", variable="effect") == [pytest.approx(area)]


class TestSetting:
    """What is set comes from the state of affairs before, all at once."""

    def test_two_variables_change_places(self):
        """Each is set to what the other was."""
        built = scenario(
            """
variables: {a: {start: 1, range: [0, 9]}, b: {start: 2, range: [0, 9]}}
states: {first: {enrolled: true, lasts: 1 day}, second: {lasts: 1 day}, done: {final: done}}
transitions:
  - {from: first, to: second, set: {a: b, b: a}}
  - {from: second, to: done, set: {a: 10 * a + b}}
"""
        )
        assert columns(both(built), "set_a")[:2] == [2.0, 9.0]
        assert columns(both(built), "reason")[1].endswith("a 2 -> 9 (cut from 21)")

    def test_what_is_undefined_leaves_the_variable_as_it_was(self):
        """The record has no number there, and the reason says why; the next rule reads the old one."""
        built = scenario(
            """
variables: {a: {start: 3, range: [0, 9]}}
states: {first: {enrolled: true, lasts: 1 day}, second: {lasts: 1 day}, done: {final: done}, lost: {final: lost}}
transitions:
  - {from: first, to: second, set: {a: a / (a - 3)}}
  - {from: second, to: done, when: a == 3}
  - {from: second, to: lost}
"""
        )
        records = both(built)
        assert rows(records, "subjects", "outcome") == ["done"]
        assert np.isnan(columns(records, "set_a")[0])
        assert columns(records, "reason")[0].endswith("| a stays 3 (undefined)")

    @given(st.floats(allow_nan=True), st.floats(-5, 5), st.floats(0.1, 5))
    def test_values_are_cut_to_the_range(self, value, low, width):
        """To the nearest end; undefined stays undefined; a zero has no sign."""
        variable = ProtocolVariable("v", low, low, low + width, NONE)
        (found,) = cut(variable, np.array([value])).tolist()
        assert math.isnan(found) if math.isnan(value) else found == min(max(value, low), low + width)
        assert math.copysign(1.0, found) == 1.0 or found != 0.0

    def test_where_a_start_and_a_range_are_said_by_parameters(self):
        """They follow the parameter, also where it is set from outside."""
        text = TITRATION.replace("start: 10 mg, range: [0 mg, 30 mg]", "start: 10 mg * 1.5, range: [0 mg, 2 * 11 mg]")
        assert set(rows(both(scenario(text)), "doses", "dose")) == {15.0, 22.0}


EXTENDED = """
variables: {interval: {start: 2 days, range: [1 day, 5 days]}}
summaries: {rounds: {entries of: injected}}
states:
  injected:
    enrolled: true
    treatment: {infusion: {dose: 2 mg, days: [0]}}
    assessments: {scan: {every: 1 day}, blood: {days: [0, 3, 5]}}
    lasts: interval
  done: {final: done}
transitions:
  - {from: injected, to: done, when: rounds == 4}
  - {from: injected, to: injected, set: {interval: interval + 36 hours}}
"""


class TestComputedLengths:
    """A state may last as long as a variable says on entering it."""

    def test_treat_and_extend(self):
        """2, 3.5, 5 and (cut) 5 days; each entry is a dose, and visits beyond the actual end do not take place."""
        records = both(scenario(EXTENDED))
        ends = np.cumsum([2 * DAY, 3 * DAY + HALF, 5 * DAY, 5 * DAY]).tolist()
        assert [m for m, *_ in moves(records)] == ends
        begins = [0, *ends[:-1]]
        assert rows(records, "doses", "minute") == begins
        scans = rows(records, "observations", "minute", variable="clock")
        assert scans == [b + k * DAY for b, e in zip(begins, ends, strict=True) for k in range(5) if b + k * DAY < e]
        # What is listed for the very end is still made there, by the state that ends.
        blood = rows(records, "observations", "minute", variable="cells")
        listed = [b + k * DAY for b, e in zip(begins, ends, strict=True) for k in (0, 3, 5) if b + k * DAY <= e]
        assert blood == sorted(set(listed))

    def test_until_a_time_that_is_computed(self):
        """Counted from enrolment; at once where that is past."""
        built = scenario(
            """
variables: {end: {start: 5 days, range: [1 day, 9 days]}}
states: {first: {enrolled: true, lasts: 3 days}, second: {until: end}, third: {until: end / 2}, done: {final: done}}
transitions: [{from: first, to: second}, {from: second, to: third, set: {end: 4 days}}, {from: third, to: done}]
"""
        )
        assert [m for m, *_ in moves(both(built))] == [3 * DAY, 5 * DAY, 5 * DAY]


class TestComputedDoses:
    """A dose may be flat, per weight, or computed from variables, traits and summaries."""

    @pytest.mark.parametrize(
        ("dose", "given", "arrives"),
        [
            ("3 mg", 3.0, 3.0),
            ("3000 ug", 3.0, 3.0),
            ("2 mg/kg", 2.0, lambda weight: 2.0 * weight),
            ("kept", 4.0, 4.0),
            ("0.1 mg/kg * weight", lambda weight: 0.1 * weight, lambda weight: 0.1 * weight),
            ("kept / 2 / 1 kg", 2.0, lambda weight: 2.0 * weight),
            ("kept * seen", 4.0, 4.0),
            ("kept / (seen - 1)", 0.0, 0.0),  # undefined: nothing is given
            ("kept - 9 mg", 0.0, 0.0),
        ],
    )
    def test_what_is_given_and_what_arrives(self, dose, given, arrives):
        """The dose in its own unit, and the amount in mg."""
        built = scenario(
            f"""
variables: {{kept: {{start: 4 mg, range: [0 mg, 9 mg]}}}}
summaries: {{seen: {{count of: clock}}}}
states:
  treated:
    enrolled: true
    treatment: {{infusion: {{dose: {dose}, days: [0]}}}}
    assessments: {{scan: {{days: [0]}}}}
    lasts: 1 day
  done: {{final: done}}
transitions: [{{from: treated, to: done}}]
"""
        )
        records = both(built)
        (weight,) = rows(records, "subjects", "weight")
        wanted = tuple(w(weight) if callable(w) else w for w in (given, arrives))
        assert rows(records, "doses", "dose", "amount") == [pytest.approx(wanted, rel=1e-12)]


@st.composite
def formulas(draw: Any) -> str:
    """A formula over x and y."""
    inner = st.sampled_from(["x", "y", "2", "0.5", "-1.5"])
    joined = st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join)
    once = st.one_of(inner, joined.map(lambda t: f"({t})"))
    called = st.sampled_from(
        ["min({}, {})", "max({}, {})", "abs({})", "round({})", "if({} > {}, {}, {})", "{} - {} * {}"]
    )
    shape = draw(called)
    return str(shape.format(*(draw(once) for _ in range(shape.count("{}")))))


SHARES = st.floats(0, 1)


@given(formulas(), st.floats(-4, 4), st.floats(0, 3), st.floats(-4, 4), st.floats(0, 3), st.tuples(SHARES, SHARES))
def test_an_interval_holds_whatever_a_formula_comes_to(text, x, dx, y, dy, where):
    """For values of its names within their intervals the formula is defined and within its own."""
    known = {"x": (x, x + dx), "y": (y, y + dy)}
    found, bounds = interval_of(parse(text), known), bounds_of(parse(text), known)
    values = [min(x + where[0] * dx, x + dx), min(y + where[1] * dy, y + dy)]
    value = float(compiled(parse(text), {}, {"x": 0, "y": 1})(values))
    assert value != value or bounds[0] <= value <= bounds[1]
    if found is None:
        return
    assert found[0] <= value <= found[1]


def test_every_function_is_bounded_where_it_rises():
    """exp, log and the like of an interval lie between those of its ends; nothing is said where one is undefined."""
    assert interval_of(parse("sqrt(x)"), {"x": (4.0, 9.0)}) == (2.0, 3.0)
    assert interval_of(parse("log(x)"), {"x": (0.0, 9.0)}) is None
    assert interval_of(parse("1 / x"), {"x": (-1.0, 9.0)}) is None
    assert interval_of(parse("x"), {}) is None
    for name, function in FUNCTIONS.items():
        if name != "if":
            called = f"{name}({', '.join(['x'] * function.fewest)})"
            assert interval_of(parse(called), {"x": (0.2, 0.4)}) is not None
