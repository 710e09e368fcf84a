"""The sixteen sentences of protocol/conduct.py, each on trials so small that it can be worked out by hand.

Every trial is run on both engines, which must agree; where only one can, that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.engine.batch.engine import ENGINE as BATCH
from protocolsim.engine.des.engine import ENGINE as DES
from protocolsim.engine.snapshot import as_of
from protocolsim.errors import UsageError
from protocolsim.interim.base import LookAt, Statistic
from protocolsim.interim.design import Design
from protocolsim.protocol.conduct import Count, Trigger
from protocolsim.records import NEVER, TABLES, Records, concatenate
from protocolsim.scenario.scenario import Scenario
from tests.interim.test_looks_agree import difference
from tests.support.designs import Total, at_minute, design, enrolled, looks_when, with_design
from tests.support.paused import unlike
from tests.support.toys import DAY, FEVER_STREAM, rate_for
from tests.support.toys import scenario as toy

# Nothing of chance but when candidates come: two days of screening, then eight with scans on days 0, 3 and 6.
# Nothing causes a rash but a design that tells of it.
HAND = """
states:
  visit: {assessments: {scan: {days: [0]}}, lasts: 2 days}
  treated: {enrolled: true, treatment: {pill: standard}, assessments: {scan: {days: [0, 3, 6]}}, lasts: 8 days}
  done: {final: done}
  told: {final: told}
transitions:
  - {from: visit, to: treated}
  - {from: treated, to: told, upon: rash}
  - {from: treated, to: done}
"""
COHORT = "size: 12\narrivals: 1 / 2 days"
EVERYBODY = Total(name="everybody", table="subjects")
SEEN = Total(name="seen", table="observations")
STOP = ("stop", "futility")  # whatever is read


@cache
def hand(cohort: str = COHORT) -> Scenario:
    return toy(HAND, cohort=cohort)


def simulated(scenario: Scenario, seed: int = 1, replicates: range = range(1)) -> Records:
    """The records of a trial, the same on both engines."""
    found = concatenate(list(DES.pieces(scenario.trial, seed, replicates)))
    assert difference(concatenate(list(BATCH.pieces(scenario.trial, seed, replicates))), found) == ""
    return found


def conducted(made: Design, seed: int = 1, replicates: range = range(1), scenario: Scenario | None = None) -> Records:
    """The records of a trial that is looked at."""
    return simulated(with_design(scenario or hand(), made), seed, replicates)


def enrolments(records: Records) -> list[int]:
    """When each was enrolled, in minutes of the calendar, in order."""
    subjects = records["subjects"]
    return sorted((records.begins() + subjects["enrolled_minute"])[subjects["enrolled"]].tolist())


def column(records: Records, name: str, table: str = "looks") -> list[Any]:
    found: list[Any] = records[table][name].tolist()
    return found


@cache
def unlooked(cohort: str = COHORT) -> Records:
    """The trial without looks."""
    return simulated(hand(cohort))


class TestCalendar:
    """1. The trial's calendar is that of `opens:`; a subject's minute m falls on its first minute plus m."""

    def test_a_subject_counts_from_its_first_minute_plus_its_own(self):
        """The third enrolment is the third's first minute and two days; a date is a date."""
        records = conducted(design(looks_when(at_minute(1000), enrolled(3))))
        assert column(records, "cutoff_minute") == [1000, sorted(unlooked().begins().tolist())[2] + 2 * DAY]


class TestTrigger:
    """2. A look is held when its `when` first holds, in order, at the previous decision, or at the end."""

    def test_the_first_minute_at_which_as_many_are_counted(self):
        """Subjects enrolled, so long after, in a state, with an event."""
        at = enrolments(unlooked())
        done = sorted(a + 8 * DAY for a in at)
        codes = hand().trial.labels
        ended = Trigger(Count("entered", frozenset([codes.states.index("done")])), number=2)
        ill = Trigger(Count("event", event=codes.events.index("rash")), number=1)
        records = conducted(design(looks_when(enrolled(2), enrolled(2, followed=77), ended, ill)))
        assert column(records, "trigger_minute") == [at[1], at[1] + 77, done[1], NEVER]

    def test_bounds(self):
        """Not before, at the latest, and after the look before."""
        at = enrolments(unlooked())
        looks = looks_when(
            enrolled(2, not_before=at[1] + 5),
            enrolled(3, after_previous=30 * DAY),
            enrolled(99, at_the_latest=70 * DAY),
        )
        assert column(conducted(design(looks)), "cutoff_minute") == [at[1] + 5, at[1] + 5 + 30 * DAY, 70 * DAY]

    def test_one_triggered_before_the_previous_decision_is_held_at_that_decision(self):
        """Looks come in order."""
        records = conducted(design(looks_when(enrolled(2), enrolled(3)), decided_after=50 * DAY))
        at = enrolments(unlooked())
        assert column(records, "trigger_minute") == at[1:3]
        assert column(records, "cutoff_minute") == [at[1], at[1] + 50 * DAY]
        assert column(records, "decision_minute") == [at[1] + 50 * DAY, at[1] + 100 * DAY]

    def test_the_last_is_held_at_the_end_where_it_was_not_triggered(self):
        """Others are not held, and those behind them wait for the end."""
        end = enrolments(unlooked())[-1] + 8 * DAY
        records = conducted(design(looks_when(at_minute(5 * DAY), enrolled(99), at_minute(6 * DAY), enrolled(99))))
        assert column(records, "held") == [True, False, True, True]
        assert column(records, "cutoff_minute") == [5 * DAY, NEVER, end, end]
        assert column(records, "trigger_minute") == [5 * DAY, NEVER, 6 * DAY, NEVER]

    def test_one_that_will_be_triggered_is_waited_for(self):
        """Though every subject has finished by then."""
        end = enrolments(unlooked())[-1] + 8 * DAY
        assert column(conducted(design(looks_when(at_minute(end + 9)))), "cutoff_minute") == [end + 9]


class TestCutoff:
    """3. What happened at the very minute of the trigger counts."""

    def test_the_interval_is_closed(self):
        """A scan of that minute has been seen, and a minute earlier it has not."""
        at = enrolments(unlooked())[0] + 3 * DAY
        earlier, there = column(
            conducted(design(looks_when(at_minute(at - 1), at_minute(at)), (), [SEEN])), "value_seen"
        )
        first = unlooked().begins()[unlooked().subject_rows("observations")] + unlooked()["observations"]["minute"]
        assert (earlier, there) == ((first < at).sum(), (first <= at).sum())
        assert earlier < there


@dataclass(frozen=True, kw_only=True)
class Spy(Statistic):
    """Keeps what it is handed."""

    key: ClassVar[str] = "spy of"
    meaning: ClassVar[str] = "everything"
    EXAMPLE: ClassVar[str] = ""
    seen: list[tuple[Records, Mapping[str, Mask], LookAt]] = field(default_factory=list, compare=False)

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """See Statistic."""
        self.seen.append((known, populations, at))
        return np.zeros(known.replicates)


class TestKnown:
    """4. At the cut-off: who has begun, present states, moves, doses, events; observations with a lag; no truth."""

    @pytest.mark.parametrize("engine", [BATCH, DES])
    def test_what_a_look_is_handed(self, engine):
        """It is what is known at that minute of the trial at full length."""
        spy, minute = Spy(name="spy"), enrolments(unlooked())[5] + 1
        scenario = with_design(hand(), design(looks_when(at_minute(minute)), (), [spy], data_lag=4 * DAY))
        list(engine.pieces(scenario.trial, 1, range(1)))
        (known, _, at), *_ = spy.seen
        assert at.cutoffs.tolist() == [minute]
        full = unlooked()
        assert unlike(known, as_of(full, np.array([minute]), 4 * DAY)) == []
        subjects = known["subjects"]
        assert len(subjects["subject"]) == (full.begins() <= minute).sum() < 12
        going_on = subjects["final_state"] != known.labels.states.index("done")
        assert going_on.any()
        assert (known.begins() + subjects["end_minute"])[going_on].tolist() == [minute] * int(going_on.sum())
        seen = known.begins()[known.subject_rows("observations")] + known["observations"]["minute"]
        assert seen.max() <= minute - 4 * DAY
        moved = known.begins()[known.subject_rows("moves")] + known["moves"]["minute"]
        assert minute - 4 * DAY < moved.max() <= minute
        assert not [c for t in TABLES for c in known[t] if c.startswith("truth")]
        with pytest.raises(KeyError):
            known["observations"]["truth"]


FEVERISH = HAND.replace(
    "  - {from: treated, to: done}", "  - {from: treated, to: told, upon: fever}\n  - {from: treated, to: done}"
)
FEVERISH = FEVERISH.replace(
    "treatment: {pill: standard}", "treatment: {pill: standard, infusion: {dose: 1 mg, days: [0]}}"
)


class TestFollowed:
    """5. Followed for a time is potential follow-up, whatever became of them."""

    def test_who_left_early_is_followed_as_long(self):
        """Enrolled at least so long before the cut-off: who left after a day, too."""
        scenario = toy(FEVERISH, cohort=COHORT, infusion="fever: 20 % / 1 day")
        full = simulated(scenario)
        at = enrolments(full)
        minute = at[6] + 5 * DAY
        count = Total(name="count", table="subjects", among="enrolled", followed_for=5 * DAY)
        records = conducted(design(looks_when(at_minute(minute)), (), [count]), scenario=scenario)
        assert column(records, "value_count") == [sum(a + 5 * DAY <= minute for a in at)]
        subjects = full["subjects"]
        stayed = subjects["end_minute"] - subjects["enrolled_minute"]
        assert (stayed[:7] < 5 * DAY).any()
        assert column(
            conducted(design(looks_when(enrolled(7, followed=5 * DAY))), scenario=scenario), "value_followed"
        ) == [7]


class TestUnknown:
    """6. A statistic counts only members whose outcome could be known."""

    def test_who_is_on_the_way_is_no_failure(self):
        """Of those followed to the end all are done, at every look; of everybody enrolled they are not."""
        done, all_of_them = (
            Total(name=n, table="moves", among="ended", followed_for=f) for n, f in (("a", 8 * DAY), ("b", 0))
        )
        counted = [
            Total(name="followed_members", table="subjects", among="enrolled", followed_for=8 * DAY),
            Total(name="members", table="subjects", among="enrolled", followed_for=0),
        ]
        scenario = toy(HAND, cohort=COHORT)
        made = design(looks_when(*(enrolled(n, followed=DAY) for n in (3, 6, 9))), (), [done, all_of_them, *counted])
        looked = with_design(scenario, made)
        populations = {"ended": scenario.populations.get("ended") or _ended("done")}
        conduct: Any = looked.trial.conduct
        object.__setattr__(conduct, "populations", populations)
        records = simulated(looked)
        # Each who is done has moved twice.
        assert column(records, "value_a") == [2 * n for n in column(records, "value_followed_members")]
        assert column(records, "value_b") < [2 * n for n in column(records, "value_members")]


def _ended(state: str) -> Any:
    from protocolsim.endpoint.subjects.population import Population

    return Population(of="enrolled", ended_in=(state,))


def stopped_at(minute: int, **more: Any) -> Design:
    """A design that stops the trial at a minute, whatever is read."""
    return design(looks_when(at_minute(minute), enrolled(99)), [(*STOP, {"at": [0]})], [EVERYBODY], **more)


def told() -> dict[str, int]:
    """Whoever is treated leaves upon the stop."""
    return {"futility": hand().trial.labels.events.index("rash")}


class TestTies:
    """7. At one minute: events, visits, ends of states, then enrolment, then looks, then decisions."""

    def test_all_of_the_minute_of_a_cutoff_is_known(self):
        """The enrolment of that very minute, and the scan of it."""
        at = enrolments(unlooked())[4]
        records = conducted(design(looks_when(at_minute(at)), (), [SEEN]))
        same = sum(a <= at for a in enrolments(unlooked()))
        assert column(records, "value_enrolled") == [same]

    def test_who_begins_at_the_very_minute_of_a_decision_is_screened(self):
        """Who begins in the minute after it is not."""
        first = unlooked().begins()
        at = int(first[5])
        assert (conducted(stopped_at(at)).begins() <= at).all()
        assert len(conducted(stopped_at(at))["subjects"]["site"]) == (first <= at).sum()
        assert len(conducted(stopped_at(at - 1))["subjects"]["site"]) == (first < at).sum()

    @pytest.mark.parametrize("after", [0, 1])
    def test_what_a_stop_brings_comes_first_in_the_minute_after(self, after):
        """A scan of the minute of the decision is made, one of the minute after it is not."""
        scan = int(enrolments(unlooked())[4]) + 3 * DAY
        records = conducted(stopped_at(scan - after, events=told()))
        row = int(np.argsort(unlooked().begins(), kind="stable")[4])
        mine = records["observations"]["minute"][records.subject_rows("observations") == row]
        assert (mine.max() == 5 * DAY) == (after == 0)
        moved = records["moves"]["minute"][records.subject_rows("moves") == row]
        assert moved.max() == 5 * DAY + 1 - after

    def test_who_ends_in_the_minute_after_is_told_before(self):
        """And who ends in the very minute is not told."""
        end = int(enrolments(unlooked())[4]) + 8 * DAY
        codes = hand().trial.labels.states
        row = int(np.argsort(unlooked().begins(), kind="stable")[4])
        there, before = (
            conducted(stopped_at(m, events=told()))["subjects"]["final_state"][row] for m in (end, end - 1)
        )
        assert (codes[there], codes[before]) == ("done", "told")

    @pytest.mark.parametrize(("earlier", "ends"), [(1, "told"), (0, "done")])
    def test_the_very_last_is_told_before(self, earlier, ends):
        """Nobody else is there any more."""
        last = int(np.argmax(unlooked().begins() + unlooked()["subjects"]["end_minute"]))
        end = int(enrolments(unlooked())[-1]) + 8 * DAY
        records = conducted(stopped_at(end - earlier, events=told()))
        assert hand().trial.labels.states[records["subjects"]["final_state"][last]] == ends

    @pytest.mark.parametrize(("later", "ends"), [(0, "told"), (1, "fell_ill")])
    def test_it_comes_before_another_event_of_that_minute(self, later, ends):
        """Whoever would leave for a fever in the minute after has left upon the stop."""
        text = HAND.replace("pill: standard", "infusion: {dose: 1 mg, days: [0]}").replace(
            "  - {from: treated, to: done}",
            "  - {from: treated, to: fell_ill, upon: fever}\n  - {from: treated, to: done}",
        ).replace("  done: {", "  fell_ill: {final: fell_ill}\n  done: {")  # fmt: skip
        scenario = toy(text, cohort="size: 1\narrivals: 1 / 2 days", infusion=f"fever: {rate_for(3000, FEVER_STREAM)}")
        full = simulated(scenario)
        ill = int(full.begins()[0] + full["events"]["minute"][0])
        made = stopped_at(ill - 1 + later, events={"futility": scenario.trial.labels.events.index("rash")})
        records = conducted(made, scenario=scenario)
        assert records.labels.states[records["subjects"]["final_state"][0]] == ends


class TestDecision:
    """8. It is taken at the cut-off plus `decided_after`, on the numbers of the cut-off."""

    def test_meanwhile_all_goes_on(self):
        """Candidates begin until the decision; what was read is what was known before."""
        first = unlooked().begins()
        at = int(first[3])
        late = conducted(stopped_at(at, decided_after=6 * DAY))
        assert column(late, "decision_minute")[0] == at + 6 * DAY
        assert len(late["subjects"]["site"]) == (first <= at + 6 * DAY).sum() > (first <= at).sum()
        assert column(late, "value_everybody")[0] == (first <= at).sum()


class TestRules:
    """9. In file order the first that holds ends the look; a comparison with something undefined is false."""

    @pytest.mark.parametrize(("rules", "conclusion"), [
        ([("stop", "a", "enrolled", 1.0), ("stop", "b", "enrolled", 1.0)], "a"),
        ([("stop", "a", "enrolled", 1.0, {"below": True}), ("stop", "b", "enrolled", 1.0), ("stop", "c")], "b"),
        ([("stop", "a", "enrolled", 1.0, {"below": True}), ("conclude", "c")], "c"),
        ([("stop", "a", "nothing", 1.0, {"below": True}), ("stop", "b", "nothing", 1.0)], ""),
        ([("stop", "a", "nothing", 1.0, {"below": True}), ("stop", "b", "nothing", 1.0), ("stop", "c")], "c"),
    ])  # fmt: skip
    def test_the_first_that_holds(self, rules, conclusion):
        """If none holds, the trial goes on."""
        made = design(looks_when(enrolled(3), enrolled(99)), [(*r, {"at": [0]}) if r[-1].__class__ is not dict else
                      (*r[:-1], {**r[-1], "at": [0]}) for r in rules], [Nothing(name="nothing")])  # fmt: skip
        records = conducted(made)
        found = column(records, "conclusion", "trials")[0]
        assert (records.labels.conclusions[found] if found >= 0 else "") == conclusion
        assert column(records, "held") == [True, not conclusion]
        assert column(records, "rule")[1] == NEVER


@dataclass(frozen=True, kw_only=True)
class Nothing(Statistic):
    """A number that is undefined."""

    key: ClassVar[str] = "nothing of"
    meaning: ClassVar[str] = "undefined"
    EXAMPLE: ClassVar[str] = ""

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """See Statistic."""
        return np.full(known.replicates, np.nan)


class TestGate:
    """10. After a stop no arriving candidate is screened. Those in screening go on."""

    def test_those_in_screening_go_on(self):
        """They are enrolled after the decision, and nobody begins after it."""
        at = int(unlooked().begins()[5])
        records = conducted(stopped_at(at))
        assert records.begins().max() == at
        assert enrolments(records) == [e for e in enrolments(unlooked()) if e - 2 * DAY <= at]
        assert enrolments(records)[-1] > at


LISTS = """
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


class TestLists:
    """11. Who is randomised takes the next place of a list by calendar minute, then by subject number."""

    @pytest.mark.parametrize("seed", range(3))
    def test_by_minute_then_number(self, seed):
        """In that order each block of four has two of each arm; the batch engine, which goes by number, refuses."""
        scenario = with_design(toy(LISTS, cohort="size: 12\narrivals: 4 / 1 day"), design(looks_when(enrolled(99))))
        with pytest.raises(UsageError, match="a place on the list of 'arm' depends on the date"):
            list(BATCH.pieces(scenario.trial, seed, range(1)))
        records = concatenate(list(DES.pieces(scenario.trial, seed, range(1))))
        when = (records.begins() + records["subjects"]["enrolled_minute"]).tolist()
        by_date = sorted(range(12), key=lambda row: (when[row], row))
        assert by_date != list(range(12))
        arms = records["subjects"]["arm"][by_date].reshape(3, 4)
        assert [sorted(set(block)) for block in arms.tolist()] == [sorted(set(arms.ravel().tolist()))] * 3

    @pytest.mark.parametrize(("lasts", "refused"), [("5 days", True), ("2 days", False)])
    def test_what_the_batch_engine_can_do(self, lasts, refused):
        """Paths to a randomisation that take as long as each other leave no choice."""
        scenario = toy(LISTS.replace("long: {lasts: 5 days}", f"long: {{lasts: {lasts}}}"), cohort=COHORT)
        assert BATCH.unsupported(scenario.trial) is None
        looked = with_design(scenario, design(looks_when(enrolled(99))))
        assert (BATCH.unsupported(looked.trial) is not None) == refused
        if not refused:
            simulated(looked)


class TestOwnRules:
    """12. Without `upon: stopped for ...` a look changes no patient's course."""

    def test_what_happens_to_those_who_are_there_is_what_would_have(self):
        """Every row of theirs, to the last bit."""
        records, full = conducted(stopped_at(12 * DAY)), unlooked()
        kept = full.begins() <= 12 * DAY
        assert kept.any()
        assert not kept.all()
        for table in TABLES:
            rows = kept if table == "subjects" else kept[full.subject_rows(table)]
            for name, values in records[table].items():
                assert values.tobytes() == full[table][name][rows].tobytes()


class TestWhoContinues:
    """13. Who continues after a stop is written in the protocol."""

    @pytest.mark.parametrize("upon", [False, True])
    def test_follow_up_is_completed_unless_the_protocol_says_otherwise(self, upon):
        """In states that wait for the stop it ends a minute after the decision; in others it is only recorded."""
        at = int(enrolments(unlooked())[4])
        records = conducted(stopped_at(at, events=told() if upon else {}))
        codes, subjects = hand().trial.labels.states, records["subjects"]
        ends = {codes[s] for s in subjects["final_state"].tolist()}
        begun = records.begins()
        if not upon:
            assert ends == {"done"}
            assert len(records["events"]["minute"]) == 0
            return
        left = subjects["final_state"] == codes.index("told")
        assert (begun + subjects["end_minute"])[left].tolist() == [at + 1] * int(left.sum())
        # Who was in screening has heard of it and goes on: their first state does not wait for it.
        screening = (begun <= at) & (begun + 2 * DAY > at)
        assert screening.any()
        assert not left[screening].any()
        heard = np.zeros(len(begun), dtype=np.int64)
        np.add.at(heard, records.subject_rows("events"), 1)
        there = (unlooked().begins() + unlooked()["subjects"]["end_minute"])[: len(begun)] > at
        assert heard.tolist() == there.astype(int).tolist()
        assert (begun[records.subject_rows("events")] + records["events"]["minute"] == at + 1).all()

    def test_a_trial_of_one_subject(self):
        """Who is randomised, at a dose of their own, after hearing of it on their own."""
        arm = "treatment: {infusion: {dose: weight * 0.02 mg/kg, days: [0]}}, enrolled: true, lasts: 3 days"
        text = f"""
states:
  visit: {{lasts: 2 days}}
  one: {{{arm}}}
  other: {{{arm}}}
  done: {{final: done}}
  told: {{final: told}}
randomisations:
  arm: {{between: {{one: 1, other: 1}}}}
transitions:
  - {{from: visit, randomise: arm}}
  - {{from: [one, other], to: told, upon: rash}}
  - {{from: [one, other], to: done}}
"""
        scenario = toy(text, cohort="size: 1\narrivals: 1 / 2 days")
        stop = int(simulated(scenario).begins()[0]) + DAY
        records = conducted(stopped_at(stop, events=told()), scenario=scenario)
        assert column(records, "minute", "events") == [DAY + 1]
        assert column(records, "screened", "trials") == [1]


class TestConclusion:
    """14. After a conclusion no further look is held. Enrolment and follow-up go on."""

    def test_it_is_no_stop(self):
        """The cohort is filled; nothing but the looks behind is left out."""
        records = conducted(
            design(looks_when(enrolled(2), enrolled(4), enrolled(99)), [("conclude", "enough", {"at": [1, 2]})])
        )
        assert column(records, "held") == [True, True, False]
        assert unlike(records, unlooked()) == []
        assert column(records, "stopped_early", "trials") == [False]
        assert column(records, "ended_at", "trials") == [1]


class TestOverrun:
    """15. After an early stop the same analysis is made once more when every subject enrolled has been followed."""

    @pytest.mark.parametrize("more", [0, 1])
    def test_it_may_come_to_something_else(self, more):
        """A stop because too little was seen is contradicted by what came later; it stands all the same."""
        at = int(unlooked().begins()[3])
        first = unlooked().begins()
        complete = int((first <= at).sum()) * 4 * 4  # scans, four variables each
        rules = [
            ("stop", "futility", "seen", complete + more, {"below": True, "at": [0]}),
            ("stop", "other", {"at": [0]}),
        ]
        records = conducted(design(looks_when(at_minute(at), enrolled(99)), rules, [SEEN], data_lag=DAY))
        trials = {name: values[0] for name, values in records["trials"].items()}
        said = records.labels.conclusions
        assert said[trials["conclusion"]] == "futility"
        assert said[trials["overrun_conclusion"]] == ("futility" if more else "other")
        assert bool(trials["flipped"]) is (not more)
        assert trials["screened"] == (first <= at).sum()


class TestReplicates:
    """16. Replicates know nothing of each other. A look changes no subject's past."""

    def test_one_alone_is_what_it_is_among_others(self):
        """To the last bit, tables of looks included."""
        made = design(
            looks_when(at_minute(9 * DAY), enrolled(99)),
            [("stop", "futility", "everybody", 5.0, {"at": [0]})],
            [EVERYBODY],
            events=told(),
        )
        together = conducted(made, replicates=range(6))
        assert set(column(together, "stopped_early", "trials")) == {True, False}
        apart = concatenate([conducted(made, replicates=range(r, r + 1)) for r in range(6)])
        assert difference(together, apart) == ""

    def test_some_are_told_of_a_stop_and_some_are_not(self):
        """By the reason of each; also where one begins at the very minute of the decision."""
        at, replicates = 7 * DAY, range(8)
        rules = [("stop", "futility", "everybody", 5.0, {"at": [0]}), ("stop", "harm", {"at": [0]})]
        made = design(looks_when(at_minute(at), enrolled(99)), rules, [EVERYBODY], events=told())
        records = conducted(made, replicates=replicates)
        harm = records["trials"]["conclusion"] == records.labels.conclusions.index("harm")
        assert set(harm.tolist()) == {True, False}
        full = simulated(hand(), replicates=replicates)
        assert (harm[full.trials()] & (full.begins() == at)).any()
        assert records["trials"]["screened"].tolist() == np.bincount(full.trials()[full.begins() <= at]).tolist()
        assert not harm[records.trials()[records.subject_rows("events")]].any()

    def test_the_past_is_as_it_was(self):
        """At the decision what is known is what is known of the trial without looks."""
        at = int(enrolments(unlooked())[4])
        minutes: Integers = np.array([at])
        assert unlike(as_of(conducted(stopped_at(at, events=told())), minutes), as_of(unlooked(), minutes)) == []
