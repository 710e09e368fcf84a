"""`at: week 4` in summaries and transitions, and `through: end`: which visit is meant, whenever it was made."""

from __future__ import annotations

import pytest

from protocolsim.engine.batch import simulation as batch
from protocolsim.errors import ScenarioError
from protocolsim.records import READ, concatenate
from tests.support.toys import DAY, moves, rows, run, scans, scenario

TWO_STAYS = """
summaries:
  second: {{last of: chance, at: {at}{more}}}
  again: {{entries of: treated}}
states:
  treated:
    enrolled: true
    assessments: {{scan: {{days: [0, 3, 6]}}}}
    lasts: 1 week
  next:
    assessments: {{scan: {{days: [3]}}}}
    lasts: 1 week
  done: {{final: done}}
transitions:
  - {{from: treated, to: treated, when: again < 2}}
  - {{from: treated, to: next, otherwise: true}}
  - {{from: next, to: done, when: second > -1}}
  - {{from: next, to: done, otherwise: true}}
"""


def read(protocol: str) -> tuple[float, dict[int, float]]:
    """What the last decision read as `second`, and what every scan saw, by its minute."""
    records = run(protocol)
    return float(records["moves"][f"{READ}0"][-1]), dict(scans(records, variable="chance"))


@pytest.mark.parametrize(
    ("at", "more", "day"),
    [
        ("day 3", ", during: treated", 10),  # of the last stay
        ("day 0", ", during: treated", 7),
        ("week 1 since enrolment", "", 7),
        ("3 days since enrolment", "", 3),
        ("day 3", "", 17),  # the last of all states that plan it
        ("day 13 since enrolment", ", during: treated", 13),
        ("1 week + 3 days since enrolment", ", during: treated", 10),
    ],
)
def test_the_named_visit_is_the_one_read(at, more, day):
    """Counted from the last entry of the states, or from enrolment."""
    value, seen = read(TWO_STAYS.format(at=at, more=more))
    assert value == seen[day * DAY]


def test_a_visit_since_enrolment_of_another_state_is_not_read():
    """`during` says in which states it must have been made."""
    value, _ = read(TWO_STAYS.format(at="day 17 since enrolment", more=", during: treated"))
    assert value != value


def test_a_visit_made_in_the_state_before_is_that_of_the_very_start():
    """An assessment made when a state is entered is not repeated, and counts as its first visit."""
    protocol = TWO_STAYS.format(at="day 0", more=", during: next").replace("days: [0, 3, 6]", "days: [0, 7]")
    value, seen = read(protocol.replace("{days: [3]}", "{days: [0, 3]}"))
    assert value == seen[14 * DAY]


def test_a_late_visit_is_the_visit_that_was_planned():
    """Where subjects queue, a visit is known by the minute that it was planned for."""
    queues = """size: 2
capacity:
  scanner: {serves: scan, opens_at: 8 hours, closes_at: 12 hours}
sites: {north: {arrivals: 7 / 1 week}}"""
    records = run(TWO_STAYS.format(at="day 3", more=", during: next"), cohort=queues)
    scanned = scans(records, "planned_minute", "minute", "value", variable="chance", state="next", subject=0)
    assert [(planned % DAY, minute > planned) for planned, minute, _ in scanned] == [(scanned[0][0] % DAY, True)]
    last = records["moves"]["subject"].tolist().index(1) - 1
    assert records["moves"][f"{READ}0"][last] == scanned[0][2]


AFTER = """
states:
  treated:
    enrolled: true
    assessments: {{scan: {{days: [0, 2, 4, 6]}}, blood: {{days: [4]}}}}
    lasts: 8 days
  stopped: {{final: stopped}}
  other: {{final: other}}
  done: {{final: done}}
transitions:
  - {{from: treated, to: done}}
  - {{from: treated, to: other, upon: fever}}
  - {{from: treated, to: stopped, upon: rash}}
  {ways}
"""


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (["{from: treated, to: stopped, after: scan, at: day 4}"], (4, "stopped")),
        (["{from: on study, to: stopped, after: scan, at: day 6}"], (6, "stopped")),
        # In file order at the named visit, and only the others at any other.
        (
            ["{from: treated, to: stopped, after: scan, at: day 4}",
             "{from: treated, to: other, after: scan, when: chance < 0}"],
            (4, "stopped"),
        ),
        (
            ["{from: treated, to: other, after: scan, when: so_far > 3 days}",
             "{from: treated, to: stopped, after: scan, at: day 4}"],
            (4, "other"),
        ),
        (
            ["{from: treated, to: stopped, after: scan, at: day 4, when: chance < 0}",
             "{from: treated, to: other, after: scan, when: so_far > 5 days}"],
            (6, "other"),
        ),
        # One visit, two assessments: each has transitions of its own.
        (["{from: treated, to: stopped, after: blood, at: day 4}"], (4, "stopped")),
    ],
)  # fmt: skip
def test_a_transition_is_tried_at_its_visit_alone(ways, expected):
    """On both engines."""
    summaries = "\nsummaries:\n  chance: {last of: chance}\n  so_far: {time since: enrolment}"
    protocol = summaries + AFTER.format(ways="\n  ".join(f"- {w}" for w in ways))
    built = scenario(protocol)
    slow = run(protocol)
    fast = concatenate(list(batch.pieces(built.trial, 1, range(1))))
    day, state = expected
    assert moves(slow) == [(day * DAY, "treated", state)] == moves(fast)
    assert slow.equal(fast)


def test_a_decision_at_a_visit_says_so():
    """The recorded reason names the visit."""
    records = run(AFTER.format(ways="- {from: treated, to: stopped, after: scan, at: day 4}"))
    assert rows(records, "moves", "trigger") == ["after scan at day 4"]


@pytest.mark.parametrize(
    ("piece", "line", "said"),
    [
        ("at: day 3", "after: scan", "no such visit is planned in 'treated' at day 3; planned are day 0, day 2, day 4"),
        ("at: day 8", "after: scan", "no such visit is planned"),
        ("at: day 4 since enrolment", "after: scan", "counted from the start of the state that it leaves"),
        ("at: day four", "after: scan", "four"),
        ("at: 4 mg", "after: scan", "expected a time"),
    ],
)
def test_a_visit_that_is_not_planned_is_a_fault_at_its_line(piece, line, said):
    """Of a transition; told with the visits that there are."""
    with pytest.raises(ScenarioError, match="1 fault") as error:
        scenario(AFTER.format(ways=f"- {{from: treated, to: stopped, {line}, {piece}}}"))
    assert said in str(error.value)
    assert "transitions[3].at" in str(error.value)


@pytest.mark.parametrize(
    ("at", "more", "said"),
    [
        ("day 4", "", "no such visit is planned at day 4"),
        ("day 6", ", during: next", "no such visit is planned in 'next' at day 6; planned are day 3"),
        ("day 6", ", during: [treated, next]", "no such visit is planned in 'next' at day 6"),
        ("day 3 since enrolment", ", during: done", "no such observation is planned in 'done'"),
        ("day 3", ", first: 1", "'first' and 'last' do not go with 'at'"),
        ("-1 days", "", "below"),
    ],
)
def test_a_summary_of_a_visit_that_is_not_planned_is_a_fault(at, more, said):
    """At its line."""
    with pytest.raises(ScenarioError, match="1 fault") as error:
        scenario(TWO_STAYS.format(at=at, more=more))
    assert said in str(error.value)
    assert "summaries.second" in str(error.value)


@pytest.mark.parametrize("ends", ["lasts: 8 days", "until: 8 days"])
@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("every: 2 days", [0, 2, 4, 6]),
        ("every: 2 days, through: end", [0, 2, 4, 6, 8]),
        ("every: 3 days, through: end", [0, 3, 6]),
        ("every: 4 days, start: 4 days, through: end", [4, 8]),
        ("days: [0, 8]", [0, 8]),
    ],
)
def test_what_repeats_through_the_end_is_done_there(schedule, days, ends):
    """`every` leaves the very end out unless it is asked for; what is listed is done."""
    protocol = f"""
states:
  treated:
    enrolled: true
    treatment: {{infusion: {{dose: 1 mg/kg, {schedule}}}}}
    assessments: {{scan: {{{schedule}}}}}
    {ends}
  done: {{final: done}}
transitions:
  - {{from: treated, to: done}}
"""
    records = run(protocol)
    assert scans(records, "minute") == [d * DAY for d in days]
    assert rows(records, "doses", "minute") == [d * DAY for d in days]
    assert records.equal(concatenate(list(batch.pieces(scenario(protocol).trial, 1, range(1)))))


@pytest.mark.parametrize("schedule", ["days: [0], through: end", "every: 2 days, through: end, times: 2"])
def test_through_belongs_to_every_alone(schedule):
    """And not to `times`, which says when to stop."""
    protocol = AFTER.format(ways="- {from: treated, to: stopped, upon: dropout}").replace("days: [4]", schedule)
    with pytest.raises(ScenarioError, match="through"):
        scenario(protocol)
