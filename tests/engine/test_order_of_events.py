"""Each sentence of the order of events (protocolsim/engine/base.py), in exact minutes, on toys worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocolsim.component import Hazard, Weibull
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError
from protocolsim.randomness import NO_SHOW, uniform
from protocolsim.records import Records, concatenate
from tests.support import patients, toys
from tests.support.toys import (
    BLOOD_STREAM,
    CHANCE_STREAM,
    DAY,
    FEVER_STREAM,
    PILL_STREAM,
    RASH_STREAM,
    moves,
    rate_for,
    rows,
    run,
    scans,
    scenario,
    threshold,
)

FEVER_AT_DAY_4 = "fever: " + rate_for(4 * DAY, FEVER_STREAM)

# One state on treatment, scanned every two days; what a test is about is added to it.
TREATED = """
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: 2 mg/kg, days: [0, 4]}}
    assessments: {scan: {days: [0, 2, 4, 8]}}
    lasts: 8 days
  stopped: {final: stopped}
  done: {final: done}
transitions:
  - {from: treated, to: stopped, upon: dropout}
"""
STOP = "  - {from: treated, to: stopped, upon: fever}\n"
DONE = "  - {from: treated, to: done}\n"


class TestTheNextMoment:
    """1. The earliest of: an event, a visit due, the end of the state; in that order at a tie."""

    def test_what_is_earlier_comes_first(self):
        """Visits and events happen each at its own minute, the state ends at its own."""
        records = run(TREATED + DONE, infusion="fever: " + rate_for(3 * DAY, FEVER_STREAM))
        assert scans(records, "minute") == [0, 2 * DAY, 4 * DAY, 8 * DAY]
        assert rows(records, "events", "minute", "state", "event")[0] == (3 * DAY, "treated", "fever")
        assert moves(records) == [(8 * DAY, "treated", "done")]

    def test_an_event_comes_before_a_visit_of_the_same_minute(self):
        """An event that stops the subject leaves nothing of that minute's visit."""
        records = run(TREATED + STOP + DONE, infusion=FEVER_AT_DAY_4)
        assert moves(records) == [(4 * DAY, "treated", "stopped")]
        assert scans(records, "minute") == [0, 2 * DAY]
        assert rows(records, "doses", "minute") == [0]

    def test_an_event_a_minute_later_comes_after_the_visit(self):
        """The visit is made and its dose given, then the subject stops."""
        records = run(TREATED + STOP + DONE, infusion="fever: " + rate_for(4 * DAY + 1, FEVER_STREAM))
        assert moves(records) == [(4 * DAY + 1, "treated", "stopped")]
        assert scans(records, "minute") == [0, 2 * DAY, 4 * DAY]
        assert rows(records, "doses", "minute") == [0, 4 * DAY]

    def test_an_event_comes_before_the_end_of_the_state_at_the_same_minute(self):
        """Of the transition upon the event and the one at the end, the event's is taken, and no closing visit made."""
        records = run(TREATED + DONE + STOP, infusion="fever: " + rate_for(8 * DAY, FEVER_STREAM))
        assert moves(records) == [(8 * DAY, "treated", "stopped")]
        assert scans(records, "minute") == [0, 2 * DAY, 4 * DAY]

    def test_an_event_comes_before_an_end_without_visits(self):
        """Also where nothing is planned for the end."""
        records = run(
            TREATED.replace("4, 8]", "4]") + DONE + STOP, infusion="fever: " + rate_for(8 * DAY, FEVER_STREAM)
        )
        assert moves(records) == [(8 * DAY, "treated", "stopped")]

    def test_an_event_comes_before_a_visit_that_is_not_kept(self):
        """Stopped at the minute of a visit, a subject cannot miss it."""
        records = run(TREATED + STOP + DONE, infusion=FEVER_AT_DAY_4, cohort="size: 1\nno_show: 100 %")
        assert moves(records) == [(4 * DAY, "treated", "stopped")]
        assert scans(records, "minute", "status") == [(0, "no-show"), (2 * DAY, "no-show")]

    def test_an_event_at_a_visit_that_moves_nobody_leaves_the_visit_to_be_made(self):
        """Event, visit and end of the same minute all happen."""
        records = run(TREATED + DONE, infusion="fever: " + rate_for(8 * DAY, FEVER_STREAM))
        assert rows(records, "events", "minute") == [8 * DAY]
        assert scans(records, "minute")[-1] == 8 * DAY
        assert moves(records) == [(8 * DAY, "treated", "done")]

    def test_two_events_of_the_same_minute_both_happen_in_the_order_of_declaration(self):
        """Neither clock hides the other."""
        both = f"{FEVER_AT_DAY_4}, rash: {rate_for(4 * DAY, RASH_STREAM)}"
        records = run(TREATED + DONE, infusion=both)
        assert rows(records, "events", "event", minute=4 * DAY) == ["fever", "rash"]

    def test_of_two_events_of_the_same_minute_the_one_nobody_waits_for_is_recorded_first(self):
        """The other one stops the subject in that minute, and both are seen in the state it was in."""
        both = f"{FEVER_AT_DAY_4}, rash: {rate_for(4 * DAY, RASH_STREAM)}"
        records = run(TREATED + STOP + DONE, infusion=both)
        assert rows(records, "events", "minute", "event", "state") == [
            (4 * DAY, "rash", "treated"),
            (4 * DAY, "fever", "treated"),
        ]
        assert moves(records) == [(4 * DAY, "treated", "stopped")]


class TestAdvancing:
    """2. Drugs and disease advance to exactly the minutes of visits, and of entering a state that goes on."""

    def test_an_event_that_moves_a_subject_on_ends_the_old_treatment_at_its_minute(self):
        """The area under the levels is level times time up to the event, though nobody looked at it then."""
        records = run(
            """
states:
  treated: {enrolled: true, treatment: {infusion: {dose: 2 mg/kg, days: [0]}}, lasts: 8 days}
  after: {assessments: {scan: {days: [2]}}, lasts: 2 days}
  done: {final: done}
transitions:
  - {from: treated, to: after, upon: fever}
  - {from: treated, to: done}
  - {from: after, to: done}
""",
            infusion="fever: " + rate_for(3 * DAY + 7, FEVER_STREAM),
        )
        assert scans(records, variable="effect") == [(5 * DAY + 7, 2.0 * (3 * DAY + 7))]

    def test_the_disease_has_lived_every_minute_once(self):
        """At each visit the minutes lived through are the minute of the visit, events in between or not."""
        records = run(TREATED + DONE, infusion="fever: " + rate_for(777, FEVER_STREAM))
        assert len(rows(records, "events", "minute")) > 5
        assert scans(records) == [(m, float(m)) for m in (0, 2 * DAY, 4 * DAY, 8 * DAY)]

    def test_drugs_advance_before_the_disease_that_reads_them(self):
        """What the disease last read from a drug was written at the same minute."""
        records = run(TREATED + DONE)
        assert scans(records, variable="mark") == [(m, float(m)) for m in (0, 2 * DAY, 4 * DAY, 8 * DAY)]

    def test_the_level_of_a_treatment_is_in_force_from_entry_to_exit(self):
        """The area under the levels is level times time, summed over drugs and states."""
        records = run("""
states:
  off: {assessments: {scan: {days: [3]}}, lasts: 3 days}
  low:
    enrolled: true
    treatment: {infusion: {dose: 2 mg/kg, days: [1]}}
    assessments: {scan: {days: [5]}}
    lasts: 5 days
  both:
    treatment: {infusion: {dose: 4 mg/kg, every: 1 day}, pill: standard}
    assessments: {scan: {days: [7]}}
    lasts: 7 days
  after: {assessments: {scan: {days: [2]}}, lasts: 2 days}
  done: {final: done}
transitions:
  - {from: off, to: low}
  - {from: low, to: both}
  - {from: both, to: after}
  - {from: after, to: done}
""")
        area = [0.0, 2.0 * 5, 2.0 * 5 + 5.0 * 7, 2.0 * 5 + 5.0 * 7]
        days = [3, 8, 15, 17]
        assert scans(records, variable="effect") == [(d * DAY, a * DAY) for d, a in zip(days, area, strict=True)]


class TestEvents:
    """3. An event is recorded, and the transitions upon it are tried."""

    def test_the_first_that_holds_in_file_order_is_taken(self):
        """Of the transitions upon one event, a rule that fails is passed over and a later one not looked at."""
        records = run(
            """
summaries: {latest: {last of: clock}}
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: 2 mg/kg, days: [0]}}
    assessments: {scan: {days: [0, 2]}}
    lasts: 8 days
  wrong: {final: wrong}
  right: {final: right}
  later: {final: later}
transitions:
  - {from: treated, to: wrong, upon: rash}
  - {from: treated, to: wrong, upon: fever, when: latest > 2880}
  - {from: treated, to: right, upon: fever, when: latest >= 2880}
  - {from: treated, to: later, upon: fever}
  - {from: treated, to: later}
""",
            infusion=FEVER_AT_DAY_4,
        )
        assert moves(records) == [(4 * DAY, "treated", "right")]

    def test_without_a_transition_it_is_recorded_and_its_clock_wound_again(self):
        """The next falls when the next threshold is used up, counted from the last, and so on to the end."""
        rate = threshold(FEVER_STREAM) / (4 * DAY - 0.5)
        records = run(TREATED + DONE, infusion=FEVER_AT_DAY_4)
        expected, minute, occurrence = [], 0, 0
        while True:
            occurrence += 1
            wait = threshold(FEVER_STREAM, occurrence) / rate
            minute += int(wait) + 1
            if minute > 8 * DAY:
                break
            expected.append(minute)
        assert len(expected) >= 2
        assert rows(records, "events", "minute") == expected

    def test_a_rule_upon_it_that_fails_leaves_the_subject_where_they_are(self):
        """The event is recorded, nothing lapses."""
        rule = "summaries: {latest: {last of: clock}}" + TREATED
        fail = "  - {from: treated, to: stopped, upon: fever, when: latest < 0}\n"
        records = run(rule + fail + DONE, infusion=FEVER_AT_DAY_4)
        assert rows(records, "events", "minute")[0] == 4 * DAY
        assert scans(records, "minute") == [0, 2 * DAY, 4 * DAY, 8 * DAY]


VISIT = """
summaries:
  latest: {last of: clock}
  cells: {last of: cells}
  everything: latest + 0 * cells
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: 2 mg/kg, days: [0, 4, 6]}}
    assessments: {scan: {days: [0, 4, 6]}, blood: {days: [4, 6]}, assay: {days: [0, 4]}}
    lasts: 8 days
  one: {assessments: {assay: {days: [1]}}, lasts: 1 day}
  two: {final: two}
  done: {final: done}
transitions:
"""
TO_ONE = "  - {from: treated, to: one, upon: fever}\n"
REST = "  - {from: treated, to: done}\n  - {from: one, to: done}\n"


class TestVisits:
    """4. Assessments, observations, the transitions after each. 5. Otherwise the doses due."""

    def test_a_dose_follows_the_assessments_of_its_visit(self):
        """What an assessment shows was given before that day."""
        records = run(VISIT + "  - {from: treated, to: two}\n" + TO_ONE + "  - {from: one, to: done}\n")
        assert scans(records, variable="total") == [(0, 0.0), (4 * DAY, 100.0)]
        assert rows(records, "doses", "minute", "index", "amount") == [
            (0, 1, 100.0), (4 * DAY, 2, 100.0), (6 * DAY, 3, 100.0),
        ]  # fmt: skip

    def test_a_transition_taken_lets_that_days_dose_and_all_later_activities_lapse(self):
        """Nothing planned in the old state is recorded after the move, done or missed."""
        taken = "  - {from: treated, to: one, after: scan, when: latest > 0}\n"
        records = run(VISIT + taken + "  - {from: treated, to: two, upon: fever}\n" + REST)
        assert moves(records) == [(4 * DAY, "treated", "one"), (5 * DAY, "one", "done")]
        assert rows(records, "doses", "minute") == [0]
        assert scans(records, "minute", state="treated") == [0, 4 * DAY]
        assert scans(records, variable="total") == [(0, 0.0), (4 * DAY, 100.0), (5 * DAY, 100.0)]

    def test_a_rule_is_tried_only_when_all_observations_of_the_visit_are_there(self):
        """A rule after the first assessment reads what the second has shown at the same visit."""
        taken = "  - {from: treated, to: two, after: scan, when: everything > 0}\n"
        assert moves(run(VISIT + taken + TO_ONE + REST)) == [(4 * DAY, "treated", "two")]

    def test_the_first_that_holds_in_file_order_is_taken(self):
        """Of two transitions after the same assessment that both hold, the one written first."""
        first = "  - {from: treated, to: one, after: scan, when: latest > 0}\n"
        second = "  - {from: treated, to: two, after: scan, when: latest > 1}\n"
        assert moves(run(VISIT + first + second + REST))[0] == (4 * DAY, "treated", "one")
        assert moves(run(VISIT + second + first + REST))[0] == (4 * DAY, "treated", "two")

    def test_transitions_are_tried_assessment_by_assessment(self):
        """What is said after the visit's first assessment is tried before what is said after its second."""
        scan = "  - {from: treated, to: one, after: scan, when: latest > 0}\n"
        blood = "  - {from: treated, to: two, after: blood}\n"
        for both in (scan + blood, blood + scan):
            assert moves(run(VISIT + both + REST))[0] == (4 * DAY, "treated", "one")

    def test_a_rule_that_fails_lets_the_visit_go_on(self):
        """The doses are given, and the transitions are tried again at the next visit."""
        taken = f"  - {{from: treated, to: two, after: scan, when: latest >= {6 * DAY}}}\n"
        records = run(VISIT + taken + TO_ONE + REST)
        assert moves(records) == [(6 * DAY, "treated", "two")]
        assert rows(records, "doses", "minute") == [0, 4 * DAY]

    def test_the_reason_quotes_the_rule_with_the_numbers_it_read(self):
        """Trigger, the file's own words, and every summary that the rules of the group read, as it stood."""
        taken = "  - {from: treated, to: one, after: scan, when: latest > 0 and not latest > 1e9}\n"
        other = "  - {from: treated, to: two, upon: fever}\n"
        rest = "  - {from: one, to: two, when: cells > 1}\n  - {from: one, to: done, otherwise: true}\n"
        records = run(VISIT + taken + other + "  - {from: treated, to: done}\n" + rest)
        cells = uniform(1, 0, 0, BLOOD_STREAM, 1)
        assert rows(records, "moves", "trigger", "reason") == [
            ("after scan", "latest > 0 and not latest > 1e9 | latest = 5760"),
            ("end", f"otherwise (not: cells > 1) | cells = {cells:.4g}"),
        ]


class TestTheEnd:
    """6. Visits due at that instant come first, then the leaving transitions in file order. One must hold."""

    def test_the_interval_is_closed(self):
        """A visit listed for the very end is made, dose and all, and the rule at the end reads it."""
        records = run("""
summaries: {latest: {last of: clock}, given: {last of: total}}
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: 2 mg/kg, days: [0, 4]}}
    assessments: {scan: {days: [0, 4]}}
    lasts: 4 days
  seen: {assessments: {assay: {days: [0]}}, lasts: 1 day}
  unseen: {final: unseen}
  done: {final: done}
transitions:
  - {from: treated, to: seen, when: latest >= 5760}
  - {from: treated, to: unseen, otherwise: true}
  - {from: seen, to: done}
""")
        assert moves(records)[0] == (4 * DAY, "treated", "seen")
        assert rows(records, "doses", "minute") == [0, 4 * DAY]
        assert scans(records, variable="total") == [(4 * DAY, 200.0)]

    def test_what_repeats_is_not_done_at_the_very_end(self):
        """`every` is half-open: what falls on the end belongs to the state that follows."""
        repeated = TREATED.replace("days: [0, 4]", "every: 4 days").replace("days: [0, 2, 4, 8]", "every: 2 days")
        records = run(repeated + DONE)
        assert scans(records, "minute") == [0, 2 * DAY, 4 * DAY, 6 * DAY]
        assert rows(records, "doses", "minute") == [0, 4 * DAY]

    def test_a_transition_after_the_closing_visit_comes_before_those_at_the_end(self):
        """Both hold at the same minute; the visit's is taken."""
        after = f"  - {{from: treated, to: stopped, after: scan, when: latest >= {8 * DAY}}}\n"
        records = run("summaries: {latest: {last of: clock}}" + TREATED + DONE + after)
        assert moves(records) == [(8 * DAY, "treated", "stopped")]

    def test_the_leaving_transitions_are_tried_in_file_order(self):
        """The first rule that holds decides, whatever follows."""
        rules = "  - {from: treated, to: stopped, when: latest < 0}\n  - {from: treated, to: done, when: latest > 0}\n"
        more = "  - {from: treated, to: stopped, when: latest > 1}\n  - {from: treated, to: stopped, otherwise: true}\n"
        records = run("summaries: {latest: {last of: clock}}" + TREATED + rules + more)
        assert moves(records) == [(8 * DAY, "treated", "done")]

    def test_one_must_hold(self):
        """A state that may end with no transition to take is refused before anybody is simulated."""
        with pytest.raises(ScenarioError, match="may end with no transition to take"):
            scenario("summaries: {latest: {last of: clock}}" + TREATED + DONE.replace("}", ", when: latest > 0}"))


CHAIN = """
summaries: {latest: {last of: clock}, number: {count of: clock}}
states:
  first:
    treatment: {infusion: {dose: 1 mg/kg, days: [4]}}
    assessments: {scan: {days: [0, 4]}}
    lasts: 4 days
  second:
    enrolled: true
    treatment: {infusion: {dose: 3 mg/kg, days: [0]}}
    assessments: {scan: {days: [0, 2]}, blood: {days: [0]}}
    lasts: 4 days
  jumped: {final: jumped}
  done: {final: done}
transitions:
  - {from: first, to: second}
  - {from: second, to: done}
  - {from: second, to: jumped, after: scan}
"""


class TestEntering:
    """7. A state entered at t does its offset-0 activities at t."""

    def test_an_assessment_already_made_at_t_is_not_repeated(self):
        """The scan of day 4 stands once, in the state in which it was made; the next one has the next number."""
        records = run(CHAIN)
        assert scans(records, "minute", "state", "index") == [
            (0, "first", 1), (4 * DAY, "first", 2), (6 * DAY, "second", 3),
        ]  # fmt: skip

    def test_everything_else_of_offset_0_is_done_at_t(self):
        """Another assessment, and the new state's dose though the old one's was given at the same minute."""
        records = run(CHAIN)
        assert scans(records, "minute", "state", variable="cells") == [(4 * DAY, "second")]
        assert rows(records, "doses", "minute", "state", "dose") == [(4 * DAY, "first", 1.0), (4 * DAY, "second", 3.0)]

    def test_after_is_tried_only_after_an_assessment_made_in_that_state(self):
        """The scan made at t in the old state does not send the subject out of the new one; the next does."""
        assert moves(run(CHAIN)) == [(4 * DAY, "first", "second"), (6 * DAY, "second", "jumped")]

    def test_an_assessment_of_an_earlier_minute_is_made_again(self):
        """A state entered a minute after the scan scans at once."""
        records = run(CHAIN.replace("lasts: 4 days\n  second", "lasts: 5761 minutes\n  second"))
        assert scans(records, "minute")[:3] == [0, 4 * DAY, 4 * DAY + 1]

    def test_a_state_of_no_length_does_what_is_listed_for_offset_0_and_goes_on(self):
        """Its scan, its dose, its transition, all at one minute."""
        records = run("""
states:
  gate:
    treatment: {infusion: {dose: 1 mg/kg, days: [0]}}
    assessments: {scan: {days: [0]}}
    lasts: 0 days
  next: {enrolled: true, assessments: {scan: {days: [0]}, assay: {days: [0]}}, lasts: 1 day}
  done: {final: done}
transitions:
  - {from: gate, to: next}
  - {from: next, to: done}
""")
        assert scans(records, "minute", "state") == [(0, "gate")]
        assert scans(records, variable="total") == [(0, 50.0)]
        assert moves(records) == [(0, "gate", "next"), (DAY, "next", "done")]

    def test_a_state_entered_again_begins_anew(self):
        """A loop back to the same state counts its visits from the new entry, and its scan is not repeated."""
        records = run("""
summaries: {times: {entries of: loop}}
states:
  loop: {enrolled: true, assessments: {scan: {days: [0, 2, 3]}}, lasts: 4 days}
  done: {final: done}
transitions:
  - {from: loop, to: loop, after: scan, when: times < 3}
  - {from: loop, to: done}
""")
        # Entered at 0; the scan at 0 leads back at once; so does the scan two days later; then it stays.
        assert moves(records) == [(0, "loop", "loop"), (2 * DAY, "loop", "loop"), (6 * DAY, "loop", "done")]
        assert scans(records, "minute") == [0, 2 * DAY, 4 * DAY, 5 * DAY]

    def test_a_loop_upon_an_event_begins_anew_and_winds_no_clock_twice(self):
        """The state is entered anew at the event, which is scanned at once; the next event counts from the last."""
        rate = threshold(FEVER_STREAM) / (3 * DAY - 0.5)
        again = 3 * DAY + int(threshold(FEVER_STREAM, 2) / rate) + 1
        loop = "  - {from: treated, to: treated, upon: fever}\n"
        records = run(TREATED + loop + DONE, infusion="fever: " + rate_for(3 * DAY, FEVER_STREAM))
        assert rows(records, "events", "minute")[:2] == [3 * DAY, again]
        assert scans(records, "minute")[:4] == [0, 2 * DAY, 3 * DAY, again]


UNTIL = """
states:
  run_in: {assessments: {scan: {days: [0]}}, lasts: 5 days}
  treated: {enrolled: true, assessments: {scan: {days: [0]}}, lasts: LASTS}
  rest: {assessments: {scan: {every: 1 day}, blood: {days: [0, 2]}}, until: 4 days}
  done: {final: done}
transitions:
  - {from: run_in, to: treated}
  - {from: treated, to: rest}
  - {from: rest, to: done}
"""


class TestUntil:
    """A state that lasts until so long after enrolment."""

    def test_it_ends_so_long_after_enrolment(self):
        """Whenever it was entered, and only the visits before that are made."""
        records = run(UNTIL.replace("LASTS", "3 days"))
        assert moves(records)[-2:] == [(8 * DAY, "treated", "rest"), (9 * DAY, "rest", "done")]
        assert scans(records, "minute", state="rest") == [8 * DAY]
        assert scans(records, "minute", variable="cells") == [8 * DAY]

    @pytest.mark.parametrize("lasts", [4, 6])
    def test_at_once_where_that_is_past(self, lasts):
        """What is listed for offset 0 is still done, what repeats is not."""
        records = run(UNTIL.replace("LASTS", f"{lasts} days"))
        entered = (5 + lasts) * DAY
        assert moves(records)[-2:] == [(entered, "treated", "rest"), (entered, "rest", "done")]
        assert scans(records, "minute", state="rest") == []
        assert scans(records, "minute", variable="cells") == [entered]


class TestNoShows:
    """A subject who does not show up for a visit misses all of it; that is recorded at the planned moment."""

    def test_all_of_it_is_missed(self):
        """Every assessment and dose has a row at its planned minute, with nothing seen and nothing given."""
        after = "  - {from: treated, to: stopped, after: scan}\n"
        records = run(TREATED + after + DONE, cohort="size: 1\nno_show: 100 %")
        assert scans(records, "planned_minute", "minute", "status", "index") == [
            (m, m, "no-show", k + 1) for k, m in enumerate((0, 2 * DAY, 4 * DAY, 8 * DAY))
        ]
        assert all(v != v for _, v in scans(records))
        assert rows(records, "doses", "minute", "status", "dose", "amount", "index") == [
            (0, "no-show", 0.0, 0.0, 1), (4 * DAY, "no-show", 0.0, 0.0, 2),
        ]  # fmt: skip
        assert moves(records) == [(8 * DAY, "treated", "done")]

    def test_who_stays_away_depends_on_the_number_of_the_visit_alone(self):
        """Visit k is missed exactly where its own draw says so."""
        records = run(TREATED + DONE, cohort="size: 40\nno_show: 40 %")
        seen = rows(records, "observations", "subject", "index", "status", variable="clock")
        assert seen == [
            (s, k, "no-show" if uniform(1, 0, s, NO_SHOW, k) < 0.4 else "made") for s in range(40) for k in range(1, 5)
        ]

    def test_the_index_of_a_draw_is_the_planned_number_made_or_missed(self):
        """The third scan shows the third number also where the second was missed."""
        records = run(TREATED + DONE, cohort="size: 40\nno_show: 40 %")
        made = rows(records, "observations", "subject", "index", "value", variable="chance", status="made")
        assert made == [(s, k, uniform(1, 0, s, CHANCE_STREAM, k)) for s, k, _ in made]
        assert any(k == 3 for _, k, _ in made)

    def test_what_was_already_made_at_that_minute_is_not_missed(self):
        """A state entered at t by one who made the scan at t, and whose next visit is missed, has no scan to miss."""
        records = run(CHAIN, cohort="size: 40\nno_show: 40 %")
        at_entry = rows(records, "observations", "subject", "state", "status", variable="clock", minute=4 * DAY)
        made = {s for s, state, status in at_entry if (state, status) == ("first", "made")}
        again = {s for s, state, _ in at_entry if state == "second"}
        assert made
        assert again == set(range(40)) - made


def test_a_treatments_events_come_only_on_that_treatment():
    """The hazard spent before is kept: off treatment the clock stands still, on it again it goes on."""
    protocol = """
states:
  on: {enrolled: true, treatment: {pill: standard}, lasts: 3 days}
  off: {lasts: 10 days}
  again: {treatment: {pill: standard}, lasts: 3 days}
  done: {final: done}
transitions:
  - {from: on, to: off}
  - {from: off, to: again}
  - {from: again, to: done}
"""
    records = run(protocol, pill="rash: " + rate_for(4 * DAY, PILL_STREAM))
    assert rows(records, "events", "minute", "state")[0] == (14 * DAY, "again")


# 4 hours and 6: every 2 hours. The toy infusion is a drug whose time the disease sees; drugs first.
GRID = """
states:
  treated:
    enrolled: true
    treatment: {infusion: standard}
    assessments: {scan: {days: [0, 0.2, 0.25, 2]}}
    lasts: 3 days
  done: {final: done}
transitions:
  - {from: treated, to: done}
"""


class TestTheGrid:
    """2. Where a component has a step, drugs and disease also advance to every grid minute, drugs first."""

    @pytest.fixture
    def stepped(self, monkeypatch):
        """The toys with steps: what the disease counts are pieces of time, and 100 where the drugs lag behind."""
        hour = DAY // 24
        monkeypatch.setattr(toys, "ToyDisease", replace(toys.ToyDisease, advance=patients.watch, step=4 * hour))
        monkeypatch.setattr(toys, "Infusion", replace(toys.Infusion, step=6 * hour, give=None))

    @pytest.mark.parametrize("engine", [des, batch])
    def test_all_advance_to_each_multiple_of_the_common_divisor(self, stepped, engine):
        """At 2 and 4 hours on the way to the scan at 4.8; at 6 that minute alone; 21 times more on the way to day 2."""
        records = concatenate(list(engine.pieces(scenario(GRID).trial, 1, range(1))))
        assert scans(records, variable="effect") == [(0, 0), (288, 3), (360, 4), (2 * DAY, 25)]
        assert scans(records) == [(m, m) for m in (0, 288, 360, 2 * DAY)]

    def test_the_grid_is_of_the_subjects_own_clock(self, stepped):
        """Whenever a state is entered: counted from minute 0, not from there."""
        later = GRID.replace("states:\n", "states:\n  wait: {lasts: 3 hours}\n").replace(
            "transitions:\n", "transitions:\n  - {from: wait, to: treated}\n"
        )
        # The entry at 3 hours and the grid at 4, 6 and 8 (entry + 4.8 hours is 7.8; entry + 6 is 9).
        assert scans(run(later), "minute", "value", variable="effect")[:3] == [(180, 2), (468, 5), (540, 7)]

    def test_without_a_step_time_is_not_cut(self, monkeypatch):
        """As ever: at visits and entries only."""
        monkeypatch.setattr(toys, "ToyDisease", replace(toys.ToyDisease, advance=patients.watch))
        monkeypatch.setattr(toys, "Infusion", replace(toys.Infusion, give=None))
        assert scans(run(GRID), variable="effect") == [(0, 0), (288, 1), (360, 2), (2 * DAY, 3)]


def on_both(text: str, **pieces: str) -> Records:
    """The records of one subject, the same on both engines."""
    trial = scenario(text, **pieces).trial
    found = [concatenate(list(engine.pieces(trial, 1, range(1)))) for engine in (des, batch)]
    assert found[0].equal(found[1])
    return found[0]


class TestHazardsOfAPatient:
    """Multipliers: found out on entry and at grid minutes, in force from there to the next; and baselines."""

    def infused(self, monkeypatch: pytest.MonkeyPatch, *fevers: Hazard, step: int | None = DAY) -> None:
        """The toy infusion brings fever as told."""
        monkeypatch.setattr(toys, "Infusion", patients.infusion_with(*fevers, step=step))

    CHANGING = Hazard("fever", FEVER_STREAM, multiplier=patients.until_day_4, changing=True)

    def test_an_event_comes_before_a_grid_minute_at_a_tie(self, monkeypatch):
        """At the minute at which its hazard ends it still comes, a minute later it never does."""
        self.infused(monkeypatch, self.CHANGING)
        for stop in ("", STOP):
            records = on_both(TREATED + DONE + stop, infusion=FEVER_AT_DAY_4)
            assert rows(records, "events", "minute")[:1] == [4 * DAY]
            late = "fever: " + rate_for(4 * DAY + 1, FEVER_STREAM)
            assert rows(on_both(TREATED + DONE + stop, infusion=late), "events", "minute") == []

    def test_between_grid_minutes_it_falls_to_the_minute(self, monkeypatch):
        """Whether a transition waits for it or not."""
        self.infused(monkeypatch, self.CHANGING)
        for stop in ("", STOP):
            records = on_both(TREATED + DONE + stop, infusion="fever: " + rate_for(3 * DAY + 77, FEVER_STREAM))
            assert rows(records, "events", "minute")[0] == 3 * DAY + 77

    def test_a_grid_minute_comes_before_a_visit_at_a_tie(self, monkeypatch):
        """The dose given at midnight is in the hazard of the day after, not of this one."""
        self.infused(monkeypatch, Hazard("fever", FEVER_STREAM, multiplier=patients.by_what_was_given, changing=True))
        # 100 mg from day 1 (given on day 0), 200 from day 5 (given on day 4).
        needed = threshold(FEVER_STREAM)
        rate = needed / (100 * 4 * DAY + 200 * (DAY / 2))
        records = on_both(TREATED + DONE, infusion=f"fever: {rate:.20f} / 1 minute")
        first = rows(records, "events", "minute")[0]
        assert abs(first - (5 * DAY + DAY // 2)) <= 1

    def test_it_is_found_out_on_entry_with_the_treatment_there_in_force(self, monkeypatch):
        """Without a step; from the very minute of entry, until the state is left."""
        self.infused(monkeypatch, Hazard("fever", FEVER_STREAM, multiplier=patients.by_level_alone), step=None)
        two = TREATED.replace(
            "transitions:", "  more: {treatment: {infusion: {dose: 4 mg/kg, days: [0]}}, lasts: 9 days}\ntransitions:"
        )
        rate = threshold(FEVER_STREAM) / (2 * 8 * DAY + 4 * 700 - 2)
        records = on_both(
            two + "  - {from: treated, to: more}\n  - {from: more, to: done}\n",
            infusion=f"fever: {rate:.20f} / 1 minute",
        )
        assert rows(records, "events", "minute", "state")[0] == (8 * DAY + 700, "more")

    def test_a_baseline_is_multiplied(self, monkeypatch):
        """Twice the dose, twice the cumulative hazard: of a Weibull in days the event falls at its inverse."""
        weibull = Hazard(
            "fever", FEVER_STREAM, lambda constants, level: level, baseline=lambda constants: Weibull(6.0 * DAY, 2.0)
        )
        self.infused(monkeypatch, weibull, step=None)
        expected = 6.0 * DAY * (threshold(FEVER_STREAM) / 2.0) ** 0.5
        records = on_both(TREATED + DONE)
        assert expected < 8 * DAY
        assert rows(records, "events", "minute")[0] == int(expected) + 1

    def test_events_that_nothing_waits_for_are_recorded_by_the_next_grid_minute(self, monkeypatch):
        """Each at its own minute and in order, though the hazard is another by the time the state is left."""
        self.infused(monkeypatch, self.CHANGING)
        often = "fever: 2 / 1 day"
        minutes = rows(on_both(TREATED + DONE, infusion=often), "events", "minute")
        expected, at = [], 0.0
        for occurrence in range(1, 40):
            at = float(int(at + threshold(FEVER_STREAM, occurrence) / (2 / DAY)) + 1)
            expected += [int(at)] if at <= 4 * DAY else []
        assert minutes == expected
        assert len(minutes) > 3
