"""Both engines give the same records, to the last bit, whatever the protocol: each is the other's witness."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import protocolsim
from protocolsim.engine.batch import columns as batch_columns
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError, SimulationError, UsageError
from protocolsim.observed import CHART_ROOM
from protocolsim.records import SUBJECTS_TOGETHER, TABLES, Records, concatenate
from protocolsim.scenario.scenario import Scenario
from tests.support.protocols import Draft, drafts, load, rich, runnable
from tests.support.toys import DAY, FEVER_STREAM, RASH_STREAM, rate_for
from tests.support.toys import scenario as toy

SEEDS = st.sampled_from([1, 2, 3, 2**40 + 1])


def outcome(engine: Any, scenario: Scenario, seed: int, replicates: range) -> Records | str:
    """All records, or what the engine says where the cohort cannot be filled."""
    try:
        return concatenate(list(engine.pieces(scenario.trial, seed, replicates)))
    except SimulationError as error:
        return str(error)


def difference(mine: Records | str, theirs: Records | str) -> str:
    """Where two outcomes differ first; nothing where they are the same to the last bit."""
    if isinstance(mine, str) or isinstance(theirs, str):
        return "" if mine == theirs else f"{mine} | {theirs}"
    for table in TABLES:
        for name, column in mine[table].items():
            other = theirs[table][name]
            if column.dtype != other.dtype or column.tobytes() != other.tobytes():
                return f"{table}.{name}: {column.tolist()} | {other.tolist()}"
    return "" if mine.equal(theirs) else "other columns"


def assert_agree(scenario: Scenario, seed: int = 1, replicates: range = range(2)) -> Records | str:
    """Both engines come to the same; returns what it is."""
    found = outcome(des, scenario, seed, replicates)
    assert difference(outcome(batch, scenario, seed, replicates), found) == ""
    return found


def assert_drawn_agrees(draft: Draft, seed: int, replicates: range) -> None:
    """The law for one drawn protocol."""
    scenario = runnable(draft)
    if batch.unsupported(scenario.trial) is None:
        assert_agree(scenario, seed, replicates)
        return
    with pytest.raises(UsageError, match="des engine can do that"):
        list(batch.pieces(scenario.trial, seed, replicates))


# A draft is large: to shrink one takes minutes, and the first that fails is told as it stands.
drawn = partial(settings, phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])
REPLICATES = st.integers(0, 3).flatmap(lambda first: st.integers(1, 3).map(lambda n: range(first, first + n)))


class TestDrawnProtocols:
    """Anything the language can say, over toys with random observations, hidden state and hazards."""

    @drawn(max_examples=120)
    @given(drafts(), SEEDS, REPLICATES)
    def test_all_five_tables_are_equal(self, draft, seed, replicates):
        """To the last bit; or both engines say the same of a cohort that cannot be filled."""
        assert_drawn_agrees(draft, seed, replicates)

    @pytest.mark.long
    @drawn(max_examples=3000)
    @given(drafts(), SEEDS, REPLICATES)
    def test_all_five_tables_are_equal_for_many_more(self, draft, seed, replicates):
        """The same law, for longer."""
        assert_drawn_agrees(draft, seed, replicates)

    @drawn(max_examples=20)
    @given(drafts(), SEEDS)
    def test_estimates_are_equal(self, draft, seed):
        """Every endpoint's estimate, its interval and its error, by way of the study."""
        scenario = runnable(draft)
        if batch.unsupported(scenario.trial) is not None:
            return
        try:
            slow = protocolsim.run(scenario, replicates=3, seed=seed, engine="des")
        except SimulationError:
            return
        fast = protocolsim.run(scenario, replicates=3, seed=seed)
        assert (slow.engine, fast.engine) == ("des", "batch")
        assert fast.estimates.keys() == slow.estimates.keys()
        assert repr(fast.estimates) == repr(slow.estimates)


def said(draft: Draft) -> set[str]:
    """What a draft says, in the words of the language."""
    protocol, cohort = draft["protocol"], draft["cohort"]
    states, transitions = protocol["states"], protocol["transitions"]
    found = {key for t in transitions for key in t} | set(cohort)
    found |= {key for s in states.values() for key in s}
    found |= {key for s in protocol["summaries"].values() if isinstance(s, dict) for key in s}
    found |= {"formula" for s in protocol["summaries"].values() if isinstance(s, str)}
    found |= {key for r in protocol["randomisations"].values() for key in r}
    found |= {"by site" for r in protocol["randomisations"].values() if "site" in r.get("strata", [])}
    found |= {"two randomisations"} if len(protocol["randomisations"]) > 1 else set()
    schedules = [
        w for s in states.values() for w in (*s.get("assessments", {}).values(), *s.get("treatment", {}).values())
    ]
    found |= {key for w in schedules if isinstance(w, dict) for key in w}
    found |= {"opens" for site in cohort.get("sites", {}).values() if "opens" in site}
    variables, doses = (
        protocol.get("variables", {}),
        [w["dose"] for w in schedules if isinstance(w, dict) and "dose" in w],
    )
    found |= {"variables"} if variables else set()
    found |= {"internal" for t in transitions if "set" in t and not {"to", "randomise"} & t.keys()}
    found |= {"computed lasts" for s in states.values() if "gap" in s.get("lasts", "")}
    found |= {"computed until" for s in states.values() if "gap" in s.get("until", "")}
    found |= {"computed dose" for dose in doses if "amount" in dose} | {
        "flat dose" for dose in doses if dose[-2:] == "mg"
    }
    found |= {"dose of a trait" for dose in doses if "weight" in dose}
    found |= {"self loop" for t in transitions if t["from"] == t.get("to")}
    found |= {"lasts 0" for s in states.values() if s.get("lasts") == "0 days"}
    found |= {"enrolled first"} if states["s0"].get("enrolled") else set()
    found |= {"several enrolled"} if sum("enrolled" in s for s in states.values()) > 1 else set()
    return found


LANGUAGE = {
    "to", "randomise", "after", "upon", "when", "otherwise", "self loop",
    "dropout", "no_show", "sites", "opens",
    "final", "enrolled", "enrolled first", "several enrolled", "treatment", "assessments", "lasts", "lasts 0", "until",
    "sum of", "mean of", "last of", "first of", "smallest of", "largest of", "count of", "entries of", "time since",
    "during", "within", "first", "last", "formula",
    "between", "block", "strata", "by site", "two randomisations",
    "weeks", "days", "every", "start", "times", "dose", "through", "at", "choose",
    "variables", "set", "internal", "computed lasts", "computed until", "computed dose", "flat dose", "dose of a trait",
}  # fmt: skip


def test_the_drafts_say_everything_and_are_mostly_accepted():
    """Every word of the language is drawn, nine drafts in ten can be run, and much happens in them."""
    found: list[Draft] = []

    @drawn(max_examples=220, database=None)
    @given(drafts())
    def draw(draft: Draft) -> None:
        found.append(draft)

    draw()
    assert set().union(*map(said, found)) >= LANGUAGE
    seen: Counter[str] = Counter()
    for draft in found[::3]:
        try:
            scenario = load(draft)
        except ScenarioError:
            seen["refused by the builder"] += 1
            continue
        records = outcome(batch, scenario, 1, range(1)) if batch.unsupported(scenario.trial) is None else ""
        if isinstance(records, str):
            seen["without records"] += 1
            continue
        seen["with records"] += 1
        seen["with events"] += len(records["events"]["minute"]) > 0
        seen["with doses"] += len(records["doses"]["minute"]) > 0
        seen["with candidates not enrolled"] += not records["subjects"]["enrolled"].all()
        seen["with long courses"] += len(records["moves"]["minute"]) > 5 * len(records["subjects"]["subject"])
        seen["allocated"] += any((records["subjects"][r] >= 0).any() for r in records.labels.randomisations)
    assert seen["refused by the builder"] * 10 <= len(found[::3])
    assert seen["with records"] * 2 >= len(found[::3])
    assert min(seen[k] for k in ("with events", "with doses", "with candidates not enrolled", "allocated")) >= 3
    assert seen["with long courses"] >= 1


class TestShipped:
    """The scenarios that come with the package."""

    @pytest.mark.parametrize("name", protocolsim.scenarios())
    def test_equal_or_refused_with_the_reason(self, name):
        """Equal tables and estimates; what is limited is refused by name, and `auto` takes the reference engine."""
        scenario = protocolsim.load(name)
        if name.startswith(("hcv_", "amd_")):  # by the day, over years
            scenario = protocolsim.load(name, set={"cohort.size": 30})
        if scenario.trial.limited:
            with pytest.raises(UsageError, match=scenario.trial.cohort.capacity[0].name):
                protocolsim.run(scenario, replicates=1, engine="batch")
            assert protocolsim.run(scenario, replicates=1).engine == "des"
            return
        fast, slow = (protocolsim.run(scenario, replicates=4, engine=engine) for engine in ("auto", "des"))
        assert fast.engine == "batch"
        assert difference(fast.records, slow.records) == ""
        assert repr(fast.estimates) == repr(slow.estimates)


LIMITED = """
states:
  treated: {enrolled: true, assessments: {scan: {days: [0, 2]}}, lasts: 4 days}
  done: {final: done}
transitions:
  - {from: treated, to: done}
"""
SCANNER = "size: 2\ncapacity: {the_scanner: {serves: scan}}"

BEFORE_AND_AFTER = """
states:
  visit: {assessments: {scan: {days: [0]}}, lasts: 1 day}
  treated: {enrolled: true, lasts: 1 day}
  one: {lasts: 1 day}
  two: {lasts: 1 day}
  done: {final: done}
summaries: {chance: {last of: chance}}
randomisations: {arms: {between: {one: 1, two: 1}}}
transitions:
  - {from: visit, to: treated, when: chance > 0.5}
  - {from: visit, randomise: arms}
  - {from: treated, randomise: arms}
  - {from: [one, two], to: done}
"""


class TestWhatBatchCannotRun:
    """It says so, and why, before anything runs; the reference engine runs it."""

    @pytest.mark.parametrize(
        ("protocol", "cohort", "reason"),
        [
            (LIMITED, SCANNER, r"the batch engine cannot run this: .*capacity is limited \(the_scanner\)"),
            (BEFORE_AND_AFTER, "size: 2", "the batch engine cannot run this: 'arms' randomises both before and after"),
        ],
    )
    def test_refused_with_a_reason_that_names_it(self, protocol, cohort, reason, monkeypatch):
        """No candidate is ever looked at; `auto` takes the other engine, which gives records."""
        scenario = toy(protocol, cohort=cohort)
        monkeypatch.delattr(batch, "Screening")
        with pytest.raises(UsageError, match=reason):
            list(batch.pieces(scenario.trial, 1, range(1)))
        with pytest.raises(UsageError, match=reason):
            protocolsim.run(scenario, replicates=1, engine="batch")
        result = protocolsim.run(scenario, replicates=2)
        assert result.engine == "des"
        assert result.records["subjects"]["enrolled"].sum() == 4


class TestTheVeryEnd:
    """What a state plans for the minute at which its time is over."""

    @pytest.mark.parametrize("time", ["lasts: 4 days", "until: 4 days"])
    @pytest.mark.parametrize("when", ["{every: 2 days, times: 3}", "{days: [0, 2, 4]}"])
    def test_what_is_listed_is_done_and_what_repeats_is_not(self, time, when):
        """The same on both engines, for scans and for doses."""
        scenario = toy(
            f"""
states:
  gate: {{enrolled: true, assessments: {{blood: {{days: [0]}}}}, lasts: 0 days}}
  treated: {{treatment: {{infusion: {{dose: 1 mg/kg, {when[1:]}}}, assessments: {{scan: {when}}}, {time}}}
  done: {{final: done}}
transitions:
  - {{from: gate, to: treated}}
  - {{from: treated, to: done}}
"""
        )
        records = assert_agree(scenario)
        assert isinstance(records, Records)
        assert len(records["doses"]["minute"]) == 2 * (2 if "every" in when else 3)

    def test_many_subjects_whose_time_is_over_after_unlike_numbers_of_visits(self):
        """Whoever is done with the visits sooner stands in the tables where they would stand, whoever else is there."""
        scenario = toy(UNLIKE, cohort="size: 300", infusion="fever: 5 % / 1 day")
        records = assert_agree(scenario, 3, range(2))
        assert isinstance(records, Records)
        late = records["observations"]["state"] == 3
        assert len(set(np.bincount(records["observations"]["subject"][late]))) > 1


UNLIKE = """
summaries: {chance: {last of: chance}}
states:
  gate: {enrolled: true, assessments: {scan: {days: [0]}}, lasts: 0 days}
  short: {lasts: 1 day}
  long: {lasts: 9 days}
  treated:
    treatment: {infusion: {dose: 1 mg/kg, every: 3 days}}
    assessments: {scan: {every: 2 days}}
    until: 12 days
  done: {final: done}
transitions:
  - {from: gate, to: short, when: chance < 0.5}
  - {from: gate, to: long}
  - {from: [short, long], to: treated}
  - {from: treated, to: done}
"""


TIES = """
summaries: {seen: {count of: clock}}
states:
  gate: {enrolled: true, lasts: 0 days}
  treated:
    treatment: {infusion: {dose: 2 mg/kg, days: [0, 4]}, pill: standard}
    assessments: {scan: {days: [0, 2, 4, 8]}}
    TIME: 8 days
  stopped: {final: stopped}
  ill: {final: ill}
  done: {final: done}
transitions:
  - {from: gate, to: treated}
  - {from: treated, to: WHERE, upon: fever, when: seen >= 3}
  - {from: treated, to: ill, upon: rash, when: seen >= 3}
  - {from: treated, to: stopped, when: seen >= 99}
  - {from: treated, to: done}
"""


class TestTies:
    """An event at the very minute of a visit, of another event, or of the end of the state."""

    @pytest.mark.parametrize("minute", [2 * DAY, 4 * DAY - 1, 4 * DAY, 4 * DAY + 1, 8 * DAY - 1, 8 * DAY, 8 * DAY + 1])
    @pytest.mark.parametrize("cohort", ["size: 1", "size: 1\nno_show: 100 %"])
    @pytest.mark.parametrize("time", ["lasts", "until"])
    @pytest.mark.parametrize("where", ["stopped", "treated"])
    def test_at_the_same_minute(self, minute, cohort, time, where):
        """Both engines put it before what is planned, and one event before the other in the same order."""
        rates = f"fever: {rate_for(minute, FEVER_STREAM)}, rash: {rate_for(minute, RASH_STREAM)}"
        scenario = toy(TIES.replace("TIME", time).replace("WHERE", where), cohort=cohort, infusion=rates)
        records = assert_agree(scenario, 1, range(1))
        assert isinstance(records, Records)
        if minute <= 8 * DAY:
            assert records["events"]["minute"][0] == minute


BLOCKS = """
summaries: {chance: {last of: chance}}
states:
  visit: {assessments: {scan: {days: [0]}}, lasts: 1 day}
  one: {ENROLLED assessments: {scan: {days: [1]}}, lasts: 1 day}
  two: {ENROLLED lasts: 1 day}
  late: {enrolled: true, lasts: 1 day}
  out: {final: out}
  done: {final: done}
randomisations: {arms: {between: {one: 2, two: 1}, strata: [site, chance > 0.7]}}
transitions:
  - {from: visit, to: out, when: chance < 0.2}
  - {from: visit, randomise: arms}
  - {from: one, to: out, after: scan, when: chance < 0.1}
  - {from: [one, two], to: late}
  - {from: late, to: done}
"""
TWO_SITES = "sites: {north: {arrivals: 20 / 1 day}, south: {arrivals: 10 / 1 day}}"


class TestLargeCohorts:
    """Replicates that are simulated in several blocks."""

    @pytest.mark.slow
    @pytest.mark.parametrize("enrolled", ["", "enrolled: true,"], ids=["before enrolment", "after screening"])
    def test_randomised_over_the_edge_of_a_block(self, enrolled):
        """With strata and sites: lists of allocations and the count of the enrolled go on from block to block."""
        scenario = toy(BLOCKS.replace("ENROLLED", enrolled), cohort=f"size: 7000\n{TWO_SITES}")
        records = assert_agree(scenario, 3, range(1))
        assert isinstance(records, Records)
        assert len(records["subjects"]["subject"]) > SUBJECTS_TOGETHER

    def test_the_same_over_the_edge_of_small_blocks(self, monkeypatch):
        """As above with blocks of 64, over several replicates."""
        monkeypatch.setattr(batch, "SUBJECTS_TOGETHER", 64)
        monkeypatch.setattr(batch, "_ROWS", 64)
        for enrolled in ("", "enrolled: true,"):
            scenario = toy(BLOCKS.replace("ENROLLED", enrolled), cohort=f"size: 150\n{TWO_SITES}")
            assert len(list(batch.pieces(scenario.trial, 3, range(2)))) > 4
            assert isinstance(assert_agree(scenario, 3, range(2)), Records)

    def test_one_candidate_more_than_a_block(self):
        """Who comes first in the second block is numbered, dated and sited as by the reference engine."""
        scenario = toy(
            "states:\n  gate: {enrolled: true, lasts: 0 days}\n  done: {final: done}\n"
            "transitions:\n  - {from: gate, to: done}",
            cohort=f"size: {SUBJECTS_TOGETHER + 1}\n{TWO_SITES}",
        )
        records = assert_agree(scenario, 3, range(1))
        assert isinstance(records, Records)
        assert records["subjects"]["subject"].tolist() == list(range(SUBJECTS_TOGETHER + 1))


TWO_LISTS = """
summaries: {chance: {last of: chance}}
states:
  visit: {assessments: {scan: {days: [0]}}, lasts: 1 day}
  straight: {lasts: 1 day}
  detour: {lasts: 1 day}
  short: {lasts: 1 day}
  long: {lasts: 5 days}
  one: {enrolled: true, lasts: 1 day}
  two: {enrolled: true, lasts: 1 day}
  done: {final: done}
randomisations:
  late: {between: {one: 1, two: 1}, block: 4}
  early: {between: {short: 1, long: 1}}
transitions:
  - {from: visit, to: straight, when: chance < 0.5}
  - {from: visit, to: detour}
  - {from: detour, randomise: early}
  - {from: [straight, short, long], randomise: late}
  - {from: [one, two], to: done}
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_list_that_some_come_to_by_way_of_another(seed):
    """Places are given out in the order of subjects, though some wait for an earlier randomisation first."""
    records = assert_agree(toy(TWO_LISTS, cohort="size: 20"), seed, range(3))
    assert isinstance(records, Records)
    assert 0 < (records["subjects"]["early"] >= 0).sum() < 60
    assert (records["subjects"]["late"] >= 0).all()


LONG = """
summaries:
  times: {entries of: treated}
  mean: {mean of: chance}
  late: {sum of: chance, last: 60}
  reached: {last of: clock}
states:
  treated:
    enrolled: true
    treatment: {infusion: {dose: 1 mg/kg, every: 1 day}}
    assessments: {scan: {every: 12 hours}}
    lasts: 40 days
  pause: {assessments: {scan: {days: [0, 1]}}, lasts: 1 day}
  done: {final: done}
transitions:
  - {from: treated, to: pause, when: times < 6 and mean < 2 and late > 0 and reached > 0}
  - {from: treated, to: done}
  - {from: pause, to: treated}
"""


class TestRoom:
    """Charts and slabs grow beyond the room that they begin with."""

    def test_long_courses(self):
        """More scans, doses, moves and events of a subject, and more in its chart, than there was room for."""
        scenario = toy(LONG, cohort="size: 5", infusion="fever: 5 % / 1 day")
        records = assert_agree(scenario, 4, range(3))
        assert isinstance(records, Records)
        for table, room in batch_columns._ROOM.items():
            _, counts = np.unique(np.column_stack([records[table][k] for k in ("replicate", "subject")]), axis=0,
                                  return_counts=True)  # fmt: skip
            assert counts.max() > 2 * room, table
        made = records["observations"]
        assert (made["variable"] == 0).sum() > 15 * 2 * CHART_ROOM

    def test_events_beyond_their_room_at_different_times(self):
        """Where only some subjects need more room than there is."""
        scenario = toy(LONG, cohort="size: 40", infusion="fever: 1 % / 1 day", pill="")
        records = assert_agree(scenario, 4, range(1))
        assert isinstance(records, Records)
        counts = np.bincount(records["events"]["subject"], minlength=40)
        assert counts.min() < batch_columns._ROOM["events"] < counts.max()


def test_a_bit_of_everything():
    """Two randomisations, strata, sites, loops, no-shows, dropout and events together."""
    records = assert_agree(rich(), 1, range(12))
    assert isinstance(records, Records)
    assert set(records["subjects"]["final_state"]) == {7, 8, 9}
