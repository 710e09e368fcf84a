"""What is planned and can never take place: said with its line, described nowhere; the rest does happen to somebody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import SimulationError
from protocolsim.report.protocol.schedule import schedule, schedule_text
from protocolsim.report.protocol.synopsis import describe
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.check import check_text
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.run import run
from protocolsim.units import MINUTES_PER_DAY
from tests.engine.test_engines_agree import outcome
from tests.support.protocols import Draft, drafts, runnable

Activity = tuple[int, str, int, int]  # state, assessment or drug, its code, minutes after the state's start


def rows_done(scenario: Scenario, seed: int, replicates: int) -> set[frozenset[Activity]]:
    """What was done to anybody, or recorded as not done though planned: of each row, the activities it may be.

    Two, where a state is left and entered again at the very minute.
    """
    engine = batch if batch.unsupported(scenario.trial) is None else des
    records = outcome(engine, scenario, seed, range(replicates))
    if isinstance(records, str):
        return set()
    stays: dict[tuple[int, int], list[tuple[int, int, float]]] = {}  # (state, from, to) of each subject
    subjects, moves = records["subjects"], records["moves"]
    for key in zip(subjects["replicate"].tolist(), subjects["subject"].tolist(), strict=True):
        stays[key] = [(0, 0, float("inf"))]
    columns = ("replicate", "subject", "minute", "to_state")
    for replicate, subject, minute, to in zip(*(moves[k].tolist() for k in columns), strict=True):
        here = stays[replicate, subject]
        here[-1] = (*here[-1][:2], minute)
        here.append((to, minute, float("inf")))
    found = set()
    for table, what in (("observations", "assessment"), ("doses", "drug")):
        wanted = ("replicate", "subject", "state", what, "planned_minute")
        for replicate, subject, state, code, at in zip(*(records[table][k].tolist() for k in wanted), strict=True):
            begins = [f for s, f, t in stays[replicate, subject] if s == state and f <= at <= t]
            found.add(frozenset((state, what, code, at - minute) for minute in begins))
    return found


def described(scenario: Scenario) -> set[Activity]:
    """All that can take place, as it is described."""
    visits = [(n, v) for n, found in scenario.planned.items() for v in found]
    return {(n, "assessment", a, v.offset) for n, v in visits for a in v.assessments} | {
        (n, "drug", d.drug, v.offset) for n, v in visits for d in v.doses
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(draft=drafts(), seed=st.integers(0, 5))
def test_what_is_left_out_never_takes_place(draft: Draft, seed: int):
    """Of any protocol, nothing is done to anybody that is not described."""
    scenario = runnable(draft)
    said = described(scenario)

    for row in rows_done(scenario, seed, 4):
        assert row & said, (row, scenario.trial.labels.states)


@st.composite
def plain(draw: Any) -> Draft:
    """Protocols without rules but coins: every way is taken by somebody."""
    count = draw(st.integers(2, 4))
    states: Draft = {}
    ways: list[Draft] = []
    for k in range(count):
        days = draw(st.sampled_from([0, 2, 3, 5]))
        until = k > 0 and draw(st.integers(0, 2)) == 0
        state: Draft = {"until" if until else "lasts": f"{days + 4 * until} days", "enrolled": k == 0}
        length = days + 4 * until
        listed = st.lists(st.integers(0, length), min_size=1, max_size=3, unique=True)
        state["assessments"] = {"scan": {"days": draw(listed)}}
        if draw(st.booleans()):
            state["assessments"]["blood"] = {"every": "1 day", "times": draw(st.integers(1, max(1, length + 1)))}
            if length == 0 or draw(st.booleans()):
                state["assessments"]["blood"] = {"days": draw(listed)}
        state["treatment"] = {"depot": {"dose": "1 mg/kg", "days": draw(listed)}}
        states[f"s{k}"] = state
        on = f"s{k + 1}" if k + 1 < count else "done"
        far = f"s{draw(st.integers(k + 1, count - 1))}" if k + 1 < count else "done"
        choice = draw(st.integers(0, 3))
        if (choice == 1 and until) or (choice in (1, 2) and 0 in state["assessments"]["scan"]["days"]):
            choice = 3  # whether all are sent away depends on when they came, and on what was done at that minute
        if choice == 1:
            ways.append({"from": f"s{k}", "to": far, "after": "scan"})
        if choice == 2:
            ways.append({"from": f"s{k}", "to": far, "after": "scan", "when": "coin_now < 0.5"})
        if choice == 3:
            ways.append({"from": f"s{k}", "to": far, "when": "coin_now < 0.5"})
        ways.append({"from": f"s{k}", "to": on, "otherwise": True})
    used = {t["to"] for t in ways}
    return {
        "title": "A drawn trial",
        "cohort": {"disease": "tests.support.protocols:Drifting", "size": 200},
        "drugs": {"depot": {"kind": "tests.support.protocols:Depot"}},
        "protocol": {
            "summaries": {"coin_now": {"last of": "coin"}},
            "states": {**states, **({"done": {"final": "done"}} if "done" in used else {})},
            "transitions": ways,
        },
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(draft=plain())
def test_what_is_described_happens_to_somebody(draft: Draft):
    """Where every way is taken by somebody, whatever is described takes place, or was just done as the state began."""
    scenario = runnable(draft)
    found, said = {a for row in rows_done(scenario, 1, 1) for a in row}, described(scenario)

    again = {key for key in said if key[1] == "assessment" and key[3] == 0}  # made by the state before, at that minute
    assert said - found <= again


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(draft=plain())
def test_what_is_listed_is_described_or_warned_of(draft: Draft):
    """Each listed time of a state stands in the schedule, or a finding names its activity, with its line."""
    scenario = runnable(draft)
    warned = {address for address, _ in scenario.lapsing}
    said = described(scenario)

    for name, state in draft["protocol"]["states"].items():
        number = scenario.trial.protocol.state(name).number
        for key, what, codes in (
            ("assessments", "assessment", scenario.trial.labels.assessments),
            ("treatment", "drug", scenario.trial.labels.drugs),
        ):
            for activity, times in state.get(key, {}).items():
                days = times.get("days") or list(range(times["times"]))
                missing = [d for d in days if (number, what, codes.index(activity), d * MINUTES_PER_DAY) not in said]
                place = ("protocol", "states", name)
                assert bool(missing) == (place in warned or (*place, key, activity) in warned)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(draft=plain())
def test_an_endpoint_that_counts_nothing_is_warned_of(draft: Draft):
    """What is seen, given and ended in each state: warned of where it counts nothing, and of doses only there."""
    states = draft["protocol"]["states"]
    draft["endpoints"] = {
        **{f"seen_{s}": {"kind": "level", "variable": "cells", "during": s, "among": "screened"} for s in states},
        **{f"given_{s}": {"kind": "dose_total", "drug": "depot", "during": s, "among": "screened"} for s in states},
        **{f"ended_{s}": {"kind": "share", "ended_in": s, "among": "screened"} for s in states},
    }
    scenario = runnable(draft)
    warned = {address[1] for address, _ in scenario.lapsing if address[0] == "endpoints"}
    found = run(scenario, replicates=1).estimates
    counted = {name for name, e in found.items() if e.value > 0.0}

    assert warned & counted == set()
    assert {name for name in found if name.startswith("given")} - warned <= counted
    final = {"ended_done"}
    assert {name for name in found if name.startswith("ended")} - final <= warned
    assert not final & warned


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(draft=drafts(), data=st.data())
def test_what_is_said_to_count_nothing_counts_nothing(draft: Draft, data: st.DataObject):
    """Of any protocol: levels at any time, times between any states, and whoever meets any conditions on a course."""
    states = [*draft["protocol"]["states"]]
    some = st.lists(st.sampled_from(states), max_size=2, unique=True)
    conditions = ("entered", "not_entered", "ended_in", "not_ended_in")
    groups = {
        f"group_{k}": {"of": data.draw(st.sampled_from(["screened", "enrolled", *(f"group_{j}" for j in range(k))]))}
        | {key: found for key in conditions if (found := data.draw(some))}
        for k in range(4)
    }
    draft["populations"] = draft.get("populations", {}) | groups
    days = st.integers(0, 40)
    level = {"kind": "level", "variable": "cells", "window": "0 days"}
    draft["endpoints"] = {
        **{f"level_{k}": level | {"at": f"{data.draw(days)} days"} for k in range(6)},
        **{f"there_{k}": {"kind": "share", "entered": states, "among": f"group_{k}"} for k in range(4)},
        **{f"time_{s}": {"kind": "time_to", "start": s, "to": data.draw(st.sampled_from(states))} for s in states},
    }
    scenario = runnable(draft)
    nobody = {str(address[1]) for address, _ in scenario.lapsing if address[0] in ("endpoints", "populations")}
    try:
        estimates = run(scenario, replicates=2).estimates
    except SimulationError:
        return  # the cohort cannot be filled, so that nothing is counted

    for name, estimate in estimates.items():
        among = str(draft["endpoints"][name].get("among", ""))
        if name in nobody or among in nobody:
            assert not estimate.value > 0.0, name


TRIAL = """title: What cannot come
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
protocol:
  states:
    first: {enrolled: true, assessments: {mri: {weeks: [0]}}, lasts: 26 weeks}
    second:
      assessments: {mri: {weeks: [0, 50]}}
      treatment: {daclizumab: {dose: 1 mg/kg, weeks: [0, 45]}}
      until: 66 weeks
    done: {final: completed}
  transitions:
    - {from: first, to: second}
    - {from: second, to: done}
endpoints:
  given: {kind: dose_total, drug: daclizumab}
"""


def _warned(text: str) -> list[tuple[int, str]]:
    return [
        (f.line, f.message) for f in check_text(text).findings if f.kind == "never takes place" and f.path[:4] != "endp"
    ]


def test_each_has_its_line_and_is_described_nowhere():
    """A visit beyond the longest stay is a warning at its line, and stands neither in schedule nor synopsis."""
    scenario = build(parse(TRIAL, "trial.yaml"))

    (visit, dose) = _warned(TRIAL)
    assert (visit[0], dose[0]) == (7, 8)
    assert "week 50" in visit[1]
    assert "week 45" in dose[1]
    assert any("week 50" in w for w in scenario.warnings)
    told = [line for lines in describe(scenario).sections.values() for line in lines]
    lines = " ".join([*schedule_text(schedule(scenario)), *told])
    assert "76" not in lines
    assert "71" not in lines
    assert "45" not in lines


IN_TIME = (("50]", "40]"), ("45]", "40]"))
CASES: dict[str, tuple[tuple[tuple[str, str], ...], list[str]]] = {
    "the same in time": (IN_TIME, []),
    "a dose that repeats to the very end": (
        (*IN_TIME, ("26 weeks", "26 weeks, treatment: {daclizumab: {dose: 1 mg/kg, every: 13 weeks, times: 3}}")),
        ["week 26"],
    ),
    "after a move that asks nothing": (
        (
            *IN_TIME,
            ("[0]}}, lasts", "[3, 9]}}, lasts"),
            (
                "    - {from: first, to: second}",
                "    - {from: first, to: second, after: mri}\n    - {from: first, to: done}",
            ),
        ),
        ["week 9"],
    ),
    "a state of no time": (
        (("until: 66 weeks", "lasts: 0 weeks"), ("[0, 50]", "[0]"), ("weeks: [0, 45]", "every: 4 weeks")),
        ["takes no time"],
    ),
    "behind an event that never comes": (
        (
            *IN_TIME,
            ("    done:", "    third: {assessments: {mri: {weeks: [0]}}, lasts: 1 week}\n    done:"),
            ("    - {from: second", "    - {from: third, to: done}\n    - {from: second"),
            ("    - {from: first", "    - {from: first, to: third, upon: dropout}\n    - {from: first"),
        ),
        ["nobody ever gets here"],
    ),
}


def _changed(case: str, *more: tuple[str, str]) -> str:
    text = TRIAL
    for old, new in (*CASES[case][0], *more):
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("case", CASES)
def test_every_way_of_never_coming_is_told(case):
    """What stands there and what is said of it."""
    found, wanted = _warned(_changed(case)), CASES[case][1]

    assert len(found) == len(wanted)
    assert all(part in said for part, (_, said) in zip(wanted, found, strict=True))
    assert all(line > 0 for line, _ in found)


def test_who_may_miss_the_visit_comes_to_the_next():
    """Where visits may be missed, nobody is sure to be sent away by one, and the later one is no false alarm."""
    missed = ("arrives_on: nothing}", "arrives_on: nothing, no_show: 10 %}")

    assert _warned(_changed("after a move that asks nothing", missed)) == []


def test_a_scan_made_on_leaving_sends_nobody_away_on_entry():
    """What the state before did at that minute is not repeated, so the visit after it comes, and is no false alarm."""
    text = _changed(
        "the same in time",
        ("weeks: [0]", "weeks: [0, 26]"),
        ("mri: {weeks: [0, 40]", "mri: {weeks: [0, 2]"),
        (
            "    - {from: second, to: done}",
            "    - {from: second, to: done, after: mri}\n    - {from: second, to: done}",
        ),
    )
    scenario = build(parse(text, "trial.yaml"))
    scan = scenario.trial.labels.assessments.index("mri")

    assert (1, "assessment", scan, 14 * MINUTES_PER_DAY) in {a for row in rows_done(scenario, 1, 2) for a in row}
    assert not any("assessments" in address for address, _ in scenario.lapsing)
