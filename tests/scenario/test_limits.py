"""Times are whole minutes, and of nothing are there more than tables and keys can tell apart: refused at the line."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocolsim.cohort.randomisation import STRATA_AT_MOST
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError
from protocolsim.records import concatenate
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario

TRIAL = """title: A trial at its limits
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
protocol:
  states:
    entry: {assessments: {mri: {weeks: [0]}}, lasts: 4 weeks}
    one: {enrolled: true, assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    two: {enrolled: true, assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    done: {final: completed}
  randomisations:
    arms: {between: {one: 1, two: 1}}
  transitions:
    - {from: entry, randomise: arms}
    - {from: [one, two], to: done}
"""


def _built(*changes: tuple[str, str]) -> Scenario:
    text = TRIAL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return build(parse(text, "trial.yaml"))


def _refused(*changes: tuple[str, str]) -> tuple[str, str]:
    with pytest.raises(ScenarioError) as caught:
        _built(*changes)
    (fault,) = caught.value.faults
    assert fault.line > 0
    return fault.path, fault.message


# Whole minutes -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    top=st.integers(1, 400),
    bottom=st.integers(1, 400),
    unit=st.sampled_from([("weeks", 10080), ("days", 1440), ("hours", 60), ("minutes", 1)]),
)
def test_a_duration_is_exact_or_refused(top: int, bottom: int, unit: tuple[str, int]):
    """A state that lasts any fraction of a unit lasts as many minutes as it says, or is refused."""
    name, length = unit
    change = ("lasts: 12 weeks", f"lasts: {top} {name} / {bottom}")
    exact = top * length % bottom == 0

    if exact and top * length // bottom > 0:
        assert _built(change).trial.protocol.state("one").lasts == top * length // bottom
    elif not exact:
        assert "time is counted in whole minutes" in _refused(change)[1]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("lasts: 4 weeks", "lasts: 0.5 minutes", "protocol.states.entry.lasts"),
        ("every: 4 weeks", "every: 1 minute / 3 + 2 minutes", "protocol.states.one.assessments.mri.every"),
        ("weeks: [0]", "weeks: [0, 0.33333]", "protocol.states.entry.assessments.mri.weeks[1]"),
        ("weeks: [0]", "days: [1/7]", "protocol.states.entry.assessments.mri.days[0]"),
        ("size: 3", "size: 3, sites: {a: {arrivals: 1/week, opens: 0.1 minutes}}", "cohort.sites.a.opens"),
        (
            "size: 3",
            "size: 3, capacity: {room: {serves: mri, units: 1, slot: 1 hour, opens_at: 7.999 hours}}",
            "cohort.capacity.room.opens_at",
        ),
    ],
)  # fmt: skip
def test_every_time_is_looked_at(old, new, path):
    """Wherever a time stands it is refused where it would have to be rounded; before, it was rounded without a word."""
    found, said = _refused((old, new))

    assert found == path
    assert "time is counted in whole minutes" in said


# Counts --------------------------------------------------------------------------------------------------------------


def _stratified(sites: int, rules: int, *, by_site: bool) -> list[tuple[str, str]]:
    named = ", ".join(f"s{k}: {{arrivals: 1/week}}" for k in range(sites))
    strata = ", ".join((["site"] if by_site else []) + [f"edss_now > {k}" for k in range(rules)])
    return [
        ("size: 3", f"size: 3, sites: {{{named}}}"),
        ("  states:", "  summaries: {edss_now: {last of: edss}}\n  states:"),
        ("mri: {weeks: [0]}", "mri: {weeks: [0]}, edss: {weeks: [0]}"),
        ("two: 1}}", f"two: 1}}, strata: [{strata}]}}"),
    ]


@settings(max_examples=25, deadline=None)
@example(sites=16, rules=8, by_site=True)
@example(sites=17, rules=8, by_site=True)
@given(sites=st.integers(1, 40), rules=st.integers(0, 8), by_site=st.booleans())
def test_no_list_belongs_to_two_randomisations(sites: int, rules: int, by_site: bool):
    """As many lists as have keys of their own, or a refusal: beyond, two randomisations would draw the same arms."""
    if rules == 0 and not by_site:
        return
    lists = (sites if by_site else 1) * 2**rules

    if lists <= STRATA_AT_MOST:
        assert _built(*_stratified(sites, rules, by_site=by_site)).trial.protocol.randomisations
    else:
        path, said = _refused(*_stratified(sites, rules, by_site=by_site))
        assert path == "protocol.randomisations.arms.strata"
        assert f"{lists:,} lists; at most 4,096" in said


def test_more_ways_than_a_table_can_number():
    """A transition from 200 states counts as 200; more than two bytes can number are refused, not wrapped around."""
    states = "".join(f"    x{k}: {{lasts: 1 day}}\n" for k in range(190))
    chain = "".join(f"    - {{from: x{k}, to: x{k + 1}}}\n" for k in range(189)) + "    - {from: x189, to: one}\n"
    ways = "    - {from: any, to: done, upon: dropout}\n" * 180
    changes = (
        ("    one:", f"{states}    one:"),
        ("    - {from: entry, randomise: arms}\n", f"    - {{from: entry, to: x0}}\n{chain}{ways}"),
        ("    - {from: [one", "    - {from: x0, randomise: arms, upon: dropout}\n    - {from: [one"),
    )

    with pytest.raises(ScenarioError) as caught:
        _built(*changes)

    said = {f.path: f.message for f in caught.value.faults}["protocol.transitions"]
    assert re.search(r"34,\d+ ways out of states .*; at most 32,768 are possible", said)


def test_candidates_keep_clear_of_the_trial_s_own_numbers():
    """However large the cohort, candidates are numbered below what belongs to the trial itself."""
    assert _built(("size: 3", "size: 100000000")).trial.cohort.max_candidates < 2**31


@pytest.mark.parametrize("rate", ["0", "0 / week", "1e-20 / week"])
def test_a_trial_to_which_nobody_comes(rate):
    """It is refused in words."""
    path, said = _refused(("size: 3", f"size: 3, arrivals: {rate}"))

    assert path == "cohort.arrivals"
    assert f"{rate}: nobody would ever come" in said


# A state of no time --------------------------------------------------------------------------------------------------

GATE = (
    ("cohort: {size: 3", "cohort: {size: 40, dropout: 20 % / 1 week"),
    ("    one: {", "    gate: {enrolled: true, lasts: 0 weeks}\n    left: {final: left}\n    one: {"),
    ("{from: entry, randomise", "{from: entry, to: gate}\n    - {from: gate, randomise"),
    (
        "    - {from: [one, two], to: done}",
        "    - {from: [one, two], to: done}\n    - {from: [one, two], to: left, upon: dropout}",
    ),
)


def test_in_no_time_nobody_drops_out():
    """A state of 0 weeks need not say where those go who drop out of it: nobody does, and both engines agree."""
    scenario = _built(*GATE)
    fast, reference = (concatenate(list(e.pieces(scenario.trial, 1, range(3)))) for e in (batch, des))

    assert fast.equal(reference)
    events = fast["events"]
    assert len(events["state"]) > 10
    assert scenario.trial.protocol.state("gate").number not in events["state"]


def test_where_the_end_waits_for_visits_somebody_may():
    """With limited capacity a state of 0 weeks may take time, and says where those go who drop out."""
    room = ("dropout: 20 % / 1 week", "dropout: 20 % / 1 week, capacity: {room: {serves: mri, units: 1, slot: 1 hour}}")

    assert "upon dropout from 'gate'" in _refused(*GATE, room)[1]
