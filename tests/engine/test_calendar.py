"""Laws of the reference engine on the trial's calendar: paused anywhere, it is what the snapshot of the end shows."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

import protocolsim
from protocolsim.engine.base import Trial
from protocolsim.engine.des import simulation as des
from protocolsim.engine.snapshot import until_stopped
from protocolsim.errors import SimulationError, UsageError
from protocolsim.protocol.states import Group, Transition
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from tests.cohort.test_capacity import BUSY, FEVER, SCREENED
from tests.support.fewer import fewer
from tests.support.paused import assert_paused_is_known, begins, calendar, due_minutes, unlike
from tests.support.protocols import Draft, drafts, rich, runnable
from tests.support.random_models import trials
from tests.support.toys import DAY, rows
from tests.support.toys import scenario as toy

SHIPPED = protocolsim.scenarios()
LAGS = (0, 3 * DAY)
# As in `test_engines_agree.py`: a draft is large, and the first that fails is told as it stands.
drawn = partial(settings, phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])
SEEDS = st.sampled_from([1, 2, 2**40 + 1])
LIMITS = st.sampled_from([
    None,
    None,
    {"room": {"serves": "scan", "slot": "10 hours"}},
    {"room": {"serves": ["scan", "depot"], "slot": "90 minutes", "units": 2}, "chair": {"serves": "blood"}},
])  # fmt: skip


@cache
def shipped(name: str) -> Scenario:
    """A shipped scenario; of a large one the first dozen."""
    scenario = protocolsim.load(name)
    return fewer(name, min(scenario.trial.cohort.size, 12))


def places_by_date(records: Records) -> bool:
    """Whether those who were randomised by number were so by date too, so that no list depends on which it is."""
    first, moves, who = begins(records), records["moves"], records.subject_rows("moves")
    for by in records.labels.allocating:
        which = np.isin(moves["transition"], list(by))
        if (np.diff(first[who[which]] + moves["minute"][which]) < 0).any():
            return False
    return True


def some_minutes(rng: np.random.Generator, records: Records, many: int) -> list[int]:
    """Cut-offs: of three, two at which something is due and one anywhere; before the first, and after the last."""
    due = due_minutes(records).tolist()
    anywhere = rng.integers(0, due[-1], many // 3).tolist()
    at_events = rng.choice(due, min(len(due), many - len(anywhere)), replace=False).tolist()
    return [due[0] - 1, *at_events, *anywhere, due[-1] + 1]


def limited(draft: Draft, limits: Draft | None) -> Scenario:
    """The scenario of a draft with limited capacity; one that the builder refuses is drawn anew."""
    if limits is not None:
        draft["cohort"]["capacity"] = limits
    return runnable(draft)


def assert_law(scenario: Scenario, seed: int, replicate: int, cutoffs: int) -> int:
    """The law for one replicate, with cut-offs drawn by its own seed. Returns how many were compared."""
    trial = scenario.trial
    try:
        alone = des.simulate(trial, seed, range(replicate, replicate + 1))
    except SimulationError:
        reject()
    finished = calendar(trial, seed, replicate, len(alone["subjects"]["subject"])).finish()
    if trial.limited or places_by_date(alone):
        assert unlike(finished, alone) == []
    minutes = some_minutes(np.random.default_rng((seed, replicate)), finished, cutoffs)
    return assert_paused_is_known(trial, seed, replicate, finished, minutes, LAGS)


class TestPaused:
    """Paused at any minute, the engine has what the snapshot of the finished records shows, in all five tables."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_every_shipped_scenario(self, name):
        """With and without a data lag; and to the end it is the run one by one."""
        assert places_by_date(des.simulate(shipped(name).trial, 7, range(1)))
        assert_law(shipped(name), 7, 0, 12)

    @drawn(max_examples=30)
    @given(drafts(), LIMITS, SEEDS, st.integers(0, 3))
    def test_any_protocol(self, draft, limits, seed, replicate):
        """With dropout, no-shows, lists by date, and queues."""
        assert_law(limited(draft, limits), seed, replicate, 12)

    @drawn(max_examples=4)
    @given(trials(), SEEDS)
    def test_any_models(self, draft, seed):
        """With hazards that are each subject's own, and components that move on the grid."""
        assert_law(runnable(draft), seed, 0, 12)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_bit_of_everything(self, seed):
        """Two randomisations, strata, sites that open later, no-shows, dropout."""
        assert_law(rich(), seed, 0, 40)

    @pytest.mark.parametrize("seed", range(3))
    def test_subjects_in_queues(self, seed):
        """Who waits for a scanner at the cut-off has missed nothing yet."""
        scenario = toy(SCREENED, cohort=BUSY, infusion=FEVER)
        assert_law(scenario, seed, 0, 40)

    @pytest.mark.long
    @drawn(max_examples=1200)
    @given(drafts(), LIMITS, SEEDS, st.integers(0, 3))
    def test_tens_of_thousands_of_cutoffs(self, draft, limits, seed, replicate):
        """The same law, for longer."""
        assert_law(limited(draft, limits), seed, replicate, 24)


TWO_WAYS = """
states:
  visit: {assessments: {scan: {days: [0]}}, lasts: 1 day}
  long: {lasts: 5 days}
  short: {lasts: 2 days}
  one: {enrolled: true, lasts: 3 days}
  other: {enrolled: true, lasts: 3 days}
  done: {final: done}
randomisations:
  waiting: {between: {long: 1, short: 1}}
  arm: {between: {one: 1, other: 1}, block: 4}
transitions:
  - {from: visit, randomise: waiting}
  - {from: [long, short], randomise: arm}
  - {from: [one, other], to: done}
"""
FREE = "size: 12\narrivals: 4 / 1 day"


class TestPlaces:
    """On the calendar, places in lists go by minute, then by number."""

    @pytest.mark.parametrize("seed", range(4))
    def test_places_go_by_minute_then_number(self, seed):
        """In that order, each block of four of the list holds each arm twice; by number alone it does not."""
        trial = toy(TWO_WAYS, cohort=FREE).trial
        records = calendar(trial, seed).finish()
        alone = des.simulate(trial, seed, range(1))
        assert not places_by_date(alone)
        assert unlike(records, alone) != []
        when = (begins(records) + records["subjects"]["enrolled_minute"]).tolist()
        by_date = sorted(range(len(when)), key=lambda row: (when[row], row))
        assert by_date != list(range(len(when)))
        assert len(set(when)) < len(when)
        arms = records["subjects"]["arm"]
        for place in range(0, 12, 4):
            assert len(set(arms[by_date[place : place + 4]].tolist())) == 2
            assert np.bincount(arms[by_date[place : place + 4]]).max() == 2


class TestWhatHappened:
    """What has happened so far, on the calendar."""

    @pytest.mark.parametrize("limits", [None, BUSY])
    @pytest.mark.parametrize("seed", range(2))
    def test_it_is_what_the_records_say(self, seed, limits):
        """At every minute: enrolments, entries into states, and the first of each event of a subject."""
        scenario = rich(size="8") if limits is None else toy(SCREENED, cohort=limits, infusion=FEVER)
        whole = calendar(scenario.trial, seed).finish()
        on = calendar(scenario.trial, seed)
        for minute in due_minutes(whole).tolist()[::7]:
            on.advance(minute)
            records = on.records()
            first, who = begins(records), records.subject_rows("moves")
            subjects, moves, events = records["subjects"], records["moves"], records["events"]
            enrolled = (first + subjects["enrolled_minute"])[subjects["enrolled"]]
            assert on.happened.enrolled == sorted(enrolled.tolist())
            entered: dict[int, list[int]] = {0: first.tolist()}
            for state, at in zip(moves["to_state"].tolist(), (first[who] + moves["minute"]).tolist(), strict=True):
                entered.setdefault(state, []).append(at)
            assert on.happened.entered == {state: sorted(at) for state, at in entered.items() if at}
            had: dict[tuple[int, int], int] = {}
            for event, row, at in zip(
                events["event"].tolist(),
                records.subject_rows("events").tolist(),
                events["minute"].tolist(),
                strict=True,
            ):
                had.setdefault((event, row), int(first[row]) + at)
            found: dict[int, list[int]] = {}
            for (event, _), at in had.items():
                found.setdefault(event, []).append(at)
            assert on.happened.events == {event: sorted(at) for event, at in found.items()}


class TestTheGate:
    """Screening is closed at a minute of the calendar."""

    @pytest.mark.parametrize("seed", range(3))
    def test_who_has_begun_goes_on_and_nobody_else_comes(self, seed):
        """What is left is what `until_stopped` leaves of the finished records, where no list depends on the date."""
        trial = shipped("ms_randomised").trial
        whole = calendar(trial, seed).finish()
        for minute in begins(whole)[[0, 3, -1]].tolist():
            on = calendar(trial, seed)
            on.advance(minute)
            on.close(minute)
            assert unlike(until_stopped(whole, np.array([minute])), on.finish()) == []

    def test_with_queues_those_in_screening_go_on(self):
        """They all end; who had not begun is not there; what was before is as it was."""
        trial = toy(SCREENED, cohort=BUSY, infusion=FEVER).trial
        whole = calendar(trial, 1).finish()
        minute = int(begins(whole)[6])
        on = calendar(trial, 1)
        on.advance(minute)
        before = on.records()
        on.close(minute)
        assert unlike(on.records(), before) == []
        closed = on.finish()
        assert len(closed["subjects"]["subject"]) == (begins(whole) <= minute).sum()
        assert len(closed["subjects"]["subject"]) < len(whole["subjects"]["subject"])
        final = [trial.protocol.states[s].final for s in closed["subjects"]["final_state"].tolist()]
        assert all(final)


def with_upon(trial: Trial, event: str, source: str, to: str) -> tuple[Trial, int]:
    """The trial with a transition upon an event that nothing in it causes, and that event's code."""
    protocol, code = trial.protocol, len(trial.labels.events)
    here, there = protocol.state(source), protocol.state(to)
    made = Transition(len(protocol.transitions), here.number, there.number, None, None, False, f"{source} told", 0)
    state = dataclasses.replace(here, upon={**here.upon, code: Group(made.trigger, (made,), ())})
    states = tuple(state if s is here else s for s in protocol.states)
    changed = dataclasses.replace(protocol, states=states, transitions=(*protocol.transitions, made))
    labels = dataclasses.replace(trial.labels, events=(*trial.labels.events, event))
    return dataclasses.replace(trial, protocol=changed, labels=labels), code


class TestTold:
    """An event that comes from outside, to everybody in the trial at once."""

    @pytest.mark.parametrize("limits", ["size: 12\nno_show: 10 %", BUSY])
    def test_it_comes_to_all_who_are_there_as_the_first_thing_of_the_next_minute(self, limits):
        """It is recorded of those who have begun and not ended, those in the state move, and the others go on."""
        trial, code = with_upon(toy(SCREENED, cohort=limits, infusion=FEVER).trial, "told", "treated", "stopped")
        whole = calendar(trial, 3).finish()
        on = calendar(trial, 3)
        due = due_minutes(whole).tolist()
        treated = np.zeros(1, dtype=np.bool_)
        for at in due[len(due) // 2 :]:  # so that something is due at the minute at which it comes
            on.advance(minute := at - 1)
            before = on.records()
            treated = before["subjects"]["final_state"] == trial.labels.states.index("treated")
            if treated.any():
                break
        assert treated.any()
        on.tell(code, minute)
        on.advance(minute)
        assert unlike(on.records(), before) == []
        on.advance(minute + 1)
        told = on.records()
        going_on = [not trial.protocol.states[s].final for s in before["subjects"]["final_state"].tolist()]
        events = rows(told, "events", "subject", "minute", event="told")
        first = begins(before)
        assert events == [(k, minute + 1 - first[k]) for k in np.flatnonzero(going_on).tolist()]
        stopped = told["subjects"]["final_state"][: len(treated)] == trial.labels.states.index("stopped")
        assert (stopped >= treated).all()
        # Who was treated has nothing more on record at that minute than the event and the move.
        for row in np.flatnonzero(treated).tolist():
            seen = told.subject_rows("observations") == row
            assert (told["observations"]["minute"][seen] <= minute - first[row]).all()
        finished = on.finish()
        assert all(trial.protocol.states[s].final for s in finished["subjects"]["final_state"].tolist())
        for table in ("moves", "events", "observations", "doses"):
            key = finished.subject_rows(table)
            assert all(a <= b for (r, a), (s, b) in pairwise(
                zip(key.tolist(), finished[table]["minute"].tolist(), strict=True)) if r == s)  # fmt: skip

    def test_what_nobody_waits_for_changes_nothing_else(self):
        """Told to subjects whose states do not know it, only rows of events are added."""
        trial = shipped("ms_randomised").trial
        labels = dataclasses.replace(trial.labels, events=(*trial.labels.events, "told"))
        trial = dataclasses.replace(trial, labels=labels)
        whole = calendar(trial, 1).finish()
        on = calendar(trial, 1)
        minute = int(due_minutes(whole)[200])
        on.tell(len(labels.events) - 1, minute)
        on.tell(len(labels.events) - 1, minute)
        told = on.finish()
        assert {c.partition(".")[0] for c in unlike(told, whole)} == {"events"}
        here = told["events"]["event"] != len(labels.events) - 1
        assert (~here).sum() % 2 == 0
        assert (~here).sum() > 0
        for name, column in told["events"].items():
            assert column[here].tobytes() == whole["events"][name].tobytes()


def test_the_calendar_does_not_go_back():
    """Nor is anything closed or told in what is over."""
    on = calendar(shipped("ms_daclizumab").trial, 1)
    on.advance(100 * DAY)
    for act in (on.advance, on.close, partial(on.tell, 0)):
        with pytest.raises(UsageError, match="minute 144000 of the calendar is over"):
            act(100 * DAY - 1)


def test_a_cohort_that_cannot_be_filled_is_an_error():
    """As one by one."""
    trial: Any = protocolsim.load("ms_daclizumab", set={"cohort.max_candidates": 16}).trial
    with pytest.raises(SimulationError, match="after 16 candidates"):
        calendar(trial, 1)
    with pytest.raises(SimulationError, match="after 16 candidates"):
        calendar(trial, 1, screened=17).finish()
