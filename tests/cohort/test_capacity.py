"""Laws of limited capacity: who waits, for how long, and what waiting never changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim.cohort.capacity import Resource
from protocolsim.randomness import uniform
from protocolsim.units import MINUTES_PER_DAY
from tests.support.toys import (
    CHANCE_STREAM,
    DAY,
    FEVER_STREAM,
    moves,
    overlaps,
    rate_for,
    rows,
    run,
    scans,
    scenario,
    threshold,
)

HOUR = 60

# Everybody arrives within day 0 of the trial's calendar, so everybody's own minute 0 is its day 1.
TOGETHER = "arrivals: 100000 / 1 day\n"
SCANNER = "capacity:\n  scanner: {serves: scan}"


def cohort(size: int, capacity: str = SCANNER, more: str = "") -> str:
    return f"size: {size}\n{TOGETHER}{capacity}\n{more}"


def one_visit(day: int = 0, lasts: int = 6, window: str = "7 days", dose: str = "") -> str:
    return f"""
window: {window}
summaries:
  fresh: {{last of: clock, within: 7 days}}
states:
  treated:
    enrolled: true
    treatment: {{{dose}}}
    assessments: {{scan: {{days: [{day}]}}}}
    lasts: {lasts} days
  seen: {{final: seen}}
  unseen: {{final: unseen}}
transitions:
  - {{from: treated, to: seen, when: fresh >= 0}}
  - {{from: treated, to: unseen, otherwise: true}}
"""


class TestOpeningHours:
    """A use begins and ends within the opening hours of a weekday."""

    @given(st.integers(0, 100_000), st.integers(0, 1439), st.integers(1, 1440), st.integers(1, 480), st.integers(1, 7))
    def test_the_next_start_is_the_first_minute_that_fits(self, minute, opens_at, length, slot, weekdays):
        """No earlier minute fits, and the one found does."""
        closes_at = min(opens_at + length, 1440)
        slot = min(slot, closes_at - opens_at)
        resource = Resource("r", ("scan",), (0,), 1, slot, opens_at, closes_at, weekdays)

        def fits(m: int) -> bool:
            day, clock = divmod(m, MINUTES_PER_DAY)
            return bool(day % 7 < weekdays and opens_at <= clock and clock + slot <= closes_at)

        found = int(resource.next_start(minute))
        assert found >= minute
        assert fits(found)
        # Hours begin anew with each day: to see that nothing earlier fits, minutes near the edges are enough.
        edges = {minute, found - 1} | {d * 1440 + opens_at for d in range(minute // 1440, found // 1440 + 1)}
        assert not [m for m in edges if minute <= m < found and fits(m)]


class TestQueues:
    """One scanner, one hour each, eight hours a day, five days a week."""

    def test_subjects_are_served_one_after_the_other(self):
        """Ten subjects of one day: eight hours of that day from 8:00, then the next morning; in order of number."""
        records = run(one_visit(), cohort=cohort(10))
        assert scans(records, "subject", "minute") == [
            *((s, (8 + s) * HOUR) for s in range(8)), (8, DAY + 8 * HOUR), (9, DAY + 9 * HOUR),
        ]  # fmt: skip

    def test_two_units_serve_two_at_a_time(self):
        """Pairs begin together."""
        records = run(one_visit(), cohort=cohort(6, SCANNER.replace("serves: scan", "serves: scan, units: 2")))
        assert scans(records, "minute") == [8 * HOUR, 8 * HOUR, 9 * HOUR, 9 * HOUR, 10 * HOUR, 10 * HOUR]

    def test_a_visit_of_the_weekend_waits_for_the_first_day_of_the_week(self):
        """Days 5 and 6 of the calendar are closed."""
        records = run(one_visit(day=4), cohort=cohort(1))
        assert scans(records, "minute") == [6 * DAY + 8 * HOUR]

    def test_planned_days_never_move(self):
        """The planned minute is that of the protocol, and the slip of one visit is not added to the next."""
        protocol = one_visit().replace("days: [0]", "days: [0, 2, 4]")
        records = run(protocol, cohort=cohort(12))
        assert set(scans(records, "index", "planned_minute")) == {(1, 0), (2, 2 * DAY), (3, 4 * DAY)}
        first = scans(records, "minute", index=1)
        assert scans(records, "minute", index=2) == [m + 2 * DAY for m in first]

    def test_the_value_is_that_of_the_minute_it_was_made(self):
        """The disease has lived to the slipped minute, and the draw is that of the planned number."""
        records = run(one_visit(day=4), cohort=cohort(3))
        assert all(m == v for m, v in scans(records))
        assert scans(records, "value", variable="chance") == [chance(s, 1) for s in range(3)]

    def test_a_planned_number_stays_with_its_visit_when_a_later_one_overtakes_it(self):
        """A scan that waits behind another assessment is still the first, though the second was made before it."""
        protocol = one_visit(lasts=20).replace("{scan: {days: [0]}}", "{blood: {days: [0]}, scan: {days: [0, 1]}}")
        laboratory = "capacity:\n  laboratory: {serves: blood, slot: 8 hours}\n  scanner: {serves: scan}"
        records = run(protocol, cohort=cohort(3, laboratory))
        # The third subject's blood is drawn on day 2 of their own, all day; so the scan of day 0 is made on day 3.
        third = rows(
            records, "observations", "index", "planned_minute", "minute", "value", variable="chance", subject=2
        )
        assert third == [(2, DAY, DAY + 10 * HOUR, chance(2, 2)), (1, 0, 3 * DAY + 8 * HOUR, chance(2, 1))]

    def test_a_subject_is_in_one_place_at_a_time(self):
        """Two visits that wait for different things until the same hour follow each other."""
        protocol = one_visit(lasts=20).replace("{scan: {days: [0]}}", "{blood: {days: [4]}, scan: {days: [5]}}")
        records = run(protocol, cohort=cohort(1, "capacity:\n  lab: {serves: blood}\n  scanner: {serves: scan}"))
        monday = 6 * DAY + 8 * HOUR
        assert scans(records, "minute", variable="cells") == [monday]
        assert scans(records, "minute") == [monday + HOUR]


class TestWindows:
    """A visit not made by the end of its window is recorded as missed; a dose of the same day waits till then."""

    DOSE = "infusion: {dose: 2 mg/kg, days: [0]}"

    def test_a_visit_is_missed_at_the_end_of_its_window(self):
        """With a window of one day the ninth and tenth of a scanner for eight miss theirs, and the rules are told."""
        records = run(one_visit(window="1 day"), cohort=cohort(10))
        late = [(s, "missed", DAY, 0, 1) for s in (8, 9)]
        seen = scans(records, "subject", "status", "minute", "planned_minute", "index")
        assert sorted(row for row in seen if row[1] == "missed") == late
        assert len(seen) == 10
        assert all(v != v for v in scans(records, "value", status="missed"))
        ends = dict(rows(records, "subjects", "subject", "final_state"))
        assert [s for s in ends if ends[s] == "unseen"] == [8, 9]
        assert rows(records, "moves", "reason", subject=9) == ["otherwise (not: fresh >= 0) | fresh = undefined"]

    def test_the_window_is_closed(self):
        """A visit that can begin at the last minute of its window is made."""
        for minutes, status in ((DAY + 8 * HOUR, "made"), (DAY + 8 * HOUR - 1, "missed")):
            records = run(one_visit(window=f"{minutes} minutes"), cohort=cohort(9))
            assert scans(records, "status", subject=8) == [status]

    def test_a_dose_waits_for_its_scan(self):
        """It is given when the scan is over."""
        records = run(one_visit(dose=self.DOSE), cohort=cohort(10))
        scanned = dict(scans(records, "subject", "minute"))
        given = dict(rows(records, "doses", "subject", "minute", status="given"))
        assert given == {s: m + HOUR for s, m in scanned.items()}

    def test_a_dose_whose_scan_is_missed_is_given_at_the_end_of_the_window(self):
        """Missing the scan does not lose the dose, and the planned minute stands."""
        records = run(one_visit(window="1 day", dose=self.DOSE), cohort=cohort(10))
        doses = rows(records, "doses", "minute", "planned_minute", "status", "amount", subject=9)
        assert doses == [(DAY, 0, "given", 100.0)]

    def test_a_dose_may_be_limited_too(self):
        """One chair for everybody: infusions queue as scans do, each after its own scan."""
        both = SCANNER + "\n  chair: {serves: infusion, slot: 2 hours}"
        records = run(one_visit(dose=self.DOSE), cohort=cohort(4, both))
        assert rows(records, "doses", "minute") == [h * HOUR for h in (9, 11, 13)] + [DAY + 8 * HOUR]


class TestTheEndOfAState:
    """The end of a state waits for its open visits, and what is made on its day is not made twice."""

    def test_the_end_waits_for_its_open_visits(self):
        """The rule at the end reads the scan of the closing visit, and the move stands at the scan."""
        records = run(one_visit(day=2, lasts=2), cohort=cohort(10))
        scanned = dict(scans(records, "subject", "minute"))
        assert moves(records) == [(scanned[s], "treated", "seen") for s in range(10)]
        assert set(scans(records, "planned_minute")) == {2 * DAY}

    def test_an_event_while_the_end_waits_comes_at_its_own_minute(self):
        """Stopped at 1:40 of the last day, the subject does not wait for 8:00, and is not scanned."""
        minute = 2 * DAY + 100
        protocol = one_visit(day=2, lasts=2, dose="infusion: {dose: 2 mg/kg, days: [1]}")
        fever = "fever: " + rate_for(minute, FEVER_STREAM)
        records = run(protocol + "  - {from: treated, to: unseen, upon: fever}\n", cohort=cohort(1), infusion=fever)
        assert rows(records, "events", "minute") == [minute]
        assert moves(records) == [(minute, "treated", "unseen")]
        assert scans(records) == []

    @pytest.mark.parametrize("dose", ["", "infusion: {dose: 2 mg/kg, days: [2]}"])
    def test_what_was_made_that_day_is_not_repeated(self, dose):
        """A state entered hours after its day began, for its queue, does not scan again what was just scanned."""
        following = "  next: {assessments: {scan: {days: [0, 1]}}, lasts: 2 days}\n  seen: {final: seen}"
        protocol = one_visit(day=2, lasts=2, dose=dose).replace("  seen: {final: seen}", following)
        leaving = "to: next, when: fresh >= 0}\n  - {from: next, to: seen}"
        protocol = protocol.replace("to: seen, when: fresh >= 0}", leaving)
        records = run(protocol, cohort=cohort(3))
        assert [s for s, state in scans(records, "subject", "state") if state == "treated"] == [0, 1, 2]
        assert scans(records, "index", "planned_minute", state="next") == [
            (2, minute + DAY) for minute, _, to in moves(records) if to == "next"
        ]

    def test_a_transition_after_a_scan_stands_at_the_scan(self):
        """The rule is tried when the scan is made; a state entered so does not repeat it."""
        protocol = one_visit(lasts=6).replace(
            "transitions:", "  again: {assessments: {scan: {days: [0, 1]}}, lasts: 2 days}\ntransitions:\n"
            "  - {from: treated, to: again, after: scan}\n  - {from: again, to: seen}"
        )  # fmt: skip
        records = run(protocol, cohort=cohort(1))
        assert moves(records) == [(8 * HOUR, "treated", "again"), (8 * HOUR + 2 * DAY, "again", "seen")]
        assert scans(records, "minute") == [8 * HOUR, DAY + 8 * HOUR]


STOPPED = one_visit(dose="infusion: {dose: 2 mg/kg, days: [5]}") + "  - {from: treated, to: unseen, upon: fever}\n"


def first_to_fall(subject: int, others: int = 3) -> int:
    """A seed under which this subject's fever comes well before those of the others."""
    for seed in range(1000):
        waits = [threshold(FEVER_STREAM, seed=seed, subject=s) for s in range(others)]
        if 1.5 * waits[subject] < min(w for s, w in enumerate(waits) if s != subject):
            return seed
    raise AssertionError("no such seed")


class TestLeavingAQueue:
    """A transition taken elsewhere cancels what waits, and frees its place."""

    def test_the_place_in_the_queue_is_freed(self):
        """Of three who wait for 8:00 the second is stopped at 7:50; the third comes up an hour earlier."""
        seed = first_to_fall(1)
        rate = rate_for(470, FEVER_STREAM, seed=seed, subject=1)
        records = run(STOPPED, seed=seed, cohort=cohort(3), infusion="fever: " + rate)
        assert scans(records, "subject", "minute", "status") == [(0, 480, "made"), (2, 540, "made")]
        assert moves(records, subject=1) == [(470, "treated", "unseen")]

    def test_a_use_that_has_begun_keeps_its_slot(self):
        """The first is stopped at 8:30, on the scanner; it is free for the next at 9:00 all the same."""
        seed = first_to_fall(0)
        rate = rate_for(510, FEVER_STREAM, seed=seed, subject=0)
        records = run(STOPPED, seed=seed, cohort=cohort(3), infusion="fever: " + rate)
        assert moves(records, subject=0) == [(510, "treated", "unseen")]
        assert scans(records, "subject", "minute") == [(0, 480), (1, 540), (2, 600)]

    def test_an_event_of_the_minute_of_a_slipped_visit_comes_first(self):
        """Stopped at 8:00 sharp, nothing is scanned at 8:00."""
        seed = first_to_fall(0)
        rate = rate_for(480, FEVER_STREAM, seed=seed, subject=0)
        records = run(STOPPED, seed=seed, cohort=cohort(3), infusion="fever: " + rate)
        assert moves(records, subject=0) == [(480, "treated", "unseen")]
        assert scans(records, "subject", "minute") == [(1, 480), (2, 540)]

    def test_a_visit_that_lapses_does_not_stop_another(self):
        """A scan that moves the subject cancels the blood that waits for the same hour; nothing of it is recorded."""
        protocol = one_visit(lasts=20).replace("{scan: {days: [0]}}", "{scan: {days: [4]}, blood: {days: [5]}}")
        protocol += "  - {from: treated, to: seen, after: scan}\n"
        records = run(protocol, cohort=cohort(1, "capacity:\n  lab: {serves: blood}\n  scanner: {serves: scan}"))
        assert moves(records) == [(6 * DAY + 8 * HOUR, "treated", "seen")]
        assert scans(records, variable="cells") == []


SCREENED = """
summaries: {lucky: {last of: chance}, cells: {last of: cells}}
states:
  screening: {assessments: {scan: {days: [0]}}, lasts: 3 days}
  treated:
    enrolled: true
    treatment: {infusion: {dose: 2 mg/kg, every: 2 days}}
    assessments: {scan: {every: 2 days}, blood: {days: [1, 5]}}
    lasts: 10 days
  better: {treatment: {pill: standard}, assessments: {scan: {days: [0, 3]}}, lasts: 5 days}
  refused: {final: refused}
  stopped: {final: stopped}
  done: {final: done}
transitions:
  - {from: screening, to: treated, when: lucky > 0.4}
  - {from: screening, to: refused, otherwise: true}
  - {from: treated, to: better, after: blood, when: cells > 0.7}
  - {from: treated, to: better, when: lucky > 0.5}
  - {from: treated, to: done, otherwise: true}
  - {from: better, to: done}
  - {from: on study, to: stopped, upon: fever}
"""
BUSY = """size: 12
no_show: 10 %
sites: {north: {arrivals: 3 / 1 day}, south: {arrivals: 2 / 1 day, opens: 4 days}}
capacity:
  scanner: {serves: scan, slot: 100 minutes}
  chair: {serves: [infusion, blood], units: 2, slot: 150 minutes, at: north}
"""
FREE = """size: 12
no_show: 10 %
capacity:
  all:
    {serves: [scan, blood, infusion], units: 999, slot: 1 minute, opens_at: 0 hours, closes_at: 24 hours, weekdays: 7}
"""
NO_LIMITS, OPEN_BUSY = FREE.partition("capacity")[0], BUSY.partition("capacity")[0]
FEVER = "fever: 0.02 / 1 day"


class TestCohorts:
    """With limits, candidates are admitted by date."""

    @pytest.mark.parametrize("seed", range(4))
    def test_exactly_the_cohort_is_enrolled_and_nobody_is_admitted_without_a_place(self, seed):
        """At every admission, those enrolled and those in screening leave a place; in the end all are taken."""
        records = run(SCREENED, seed=seed, cohort=BUSY, infusion=FEVER)
        begins = rows(records, "subjects", "arrival_day")
        assert begins == sorted(begins)
        assert all(day % 1 == 0 for day in begins)
        enrolled = rows(records, "subjects", "enrolled")
        assert sum(enrolled) == 12
        assert len(enrolled) > 12
        left = rows(records, "moves", "subject", "minute", from_state="screening")
        leaves = {s: begins[s] * DAY + minute for s, minute in left}
        for number, day in enumerate(begins):
            admitted_before = range(number)
            refused = [s for s in admitted_before if not enrolled[s] and leaves[s] <= day * DAY]
            assert len(admitted_before) - len(refused) < 12

    def test_nobody_is_admitted_before_they_arrive(self):
        """The keyed day of arrival is the earliest."""
        held = rows(run(SCREENED, cohort=BUSY, infusion=FEVER), "subjects", "subject", "arrival_day", "site")
        free = OPEN_BUSY.replace("size: 12", "size: 60")
        arrived = rows(run(SCREENED, cohort=free, infusion=FEVER), "subjects", "subject", "arrival_day", "site")
        assert all(ours[0] == theirs[0] and ours[2] == theirs[2] and ours[1] >= theirs[1]
                   for ours, theirs in zip(held, arrived, strict=False))  # fmt: skip
        assert any(ours[1] > theirs[1] for ours, theirs in zip(held, arrived, strict=False))


class TestConservation:
    """What limited things can never do."""

    @settings(max_examples=25)
    @given(st.integers(0, 10_000))
    def test_no_more_uses_than_units_at_one_time_and_place(self, seed):
        """By the records, the uses that overlap at a site are never more than its units, all within opening hours."""
        found = scenario(SCREENED, cohort=BUSY, infusion=FEVER)
        records = run(SCREENED, seed=seed, cohort=BUSY, infusion=FEVER)
        scanner, chair = found.trial.cohort.capacity
        assert overlaps(records, scanner) == 1
        assert overlaps(records, chair) <= 2
        begins = dict(rows(records, "subjects", "subject", "arrival_day"))
        for subject, minute in scans(records, "subject", "minute", status="made"):
            when = int(begins[subject]) * DAY + minute
            assert scanner.next_start(when) == when

    @pytest.mark.parametrize("seed", range(5))
    def test_capacity_for_all_decides_as_no_capacity(self, seed):
        """With a unit for everybody, always open, for a minute: the same subjects, and the same ways for each."""
        free, none = (run(SCREENED, seed=seed, cohort=text, replicates=3) for text in (FREE, NO_LIMITS))
        ways = [rows(r, "moves", "replicate", "subject", "from_state", "to_state", "reason") for r in (free, none)]
        assert ways[0] == ways[1]
        slips = [a - b for a, b in zip(rows(free, "moves", "minute"), rows(none, "moves", "minute"), strict=True)]
        assert min(slips) >= 0
        assert max(slips) < 30

    def test_nobody_waits_without_end(self):
        """Everybody ends in a final state; nothing is recorded before it was planned, or later than its window."""
        records = run(SCREENED, cohort=BUSY, infusion=FEVER)
        assert set(rows(records, "subjects", "outcome")) <= {"refused", "stopped", "done"}
        made = rows(records, "observations", "minute", "planned_minute", "status")
        assert all(0 <= minute - planned <= 7 * DAY for minute, planned, _ in made)
        assert any(minute > planned + DAY for minute, planned, status in made if status == "made")

    def test_the_same_seed_gives_the_same_queues(self):
        """Twice the same, to the last bit; another seed, another trial."""
        first, again = (run(SCREENED, cohort=BUSY, infusion=FEVER, replicates=2) for _ in range(2))
        assert first.equal(again)
        assert not first.equal(run(SCREENED, seed=2, cohort=BUSY, infusion=FEVER, replicates=2))


def chance(subject: int, number: int) -> float:
    return uniform(1, 0, subject, CHANCE_STREAM, number)
