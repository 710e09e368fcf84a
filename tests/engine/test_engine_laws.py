"""Laws of the reference engine: what a record depends on, what it does not, and what records always look like."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy

import protocolsim
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.engine.des.subject import Course
from protocolsim.protocol.states import Rule
from protocolsim.records import MADE, TABLES, Records, Table, concatenate, table_from_rows
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import MINUTES_PER_DAY
from tests.support.fewer import fewer
from tests.support.toys import run

ROOT = Path(__file__).parents[2]
SHIPPED = protocolsim.scenarios()
REPLICATES = range(3)


@cache
def shipped(name: str) -> Scenario:
    """A shipped scenario; of a large one the first 16 subjects, who obey the same laws sooner."""
    scenario = protocolsim.load(name)
    return fewer(name, min(scenario.trial.cohort.size, 16))


@cache
def ran(name: str, seed: int = 7) -> Records:
    return des.simulate(shipped(name).trial, seed, REPLICATES)


def of_subjects(records: Records) -> dict[tuple[int, int], dict[str, bytes]]:
    """All rows of each (replicate, subject), as bytes by table."""
    found: dict[tuple[int, int], dict[str, bytes]] = defaultdict(dict)
    for name in TABLES:
        table = records[name]
        key = table["replicate"] * 2**32 + table["subject"]
        edges = np.flatnonzero(np.diff(key, prepend=-1, append=-1))
        for first, last in pairwise(edges):
            who = (int(table["replicate"][first]), int(table["subject"][first]))
            found[who][name] = b"|".join(column[first:last].tobytes() for column in table.values())
    return dict(found)


def digest(records: Records) -> str:
    """A hash of every column of every table."""
    found = hashlib.sha256()
    for name in TABLES:
        for column, values in records[name].items():
            found.update(f"{name}.{column}".encode() + values.tobytes())
    return found.hexdigest()


TELL = """
import sys
from tests.engine.test_engine_laws import digest, ran
print(digest(ran(sys.argv[1])))
"""


class TestTheSameSeed:
    """A run is a function of scenario, seed and replicates."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_twice_is_the_same_to_the_last_bit(self, name):
        """Every table again; another seed gives other tables."""
        first, again, other = (des.simulate(shipped(name).trial, seed, REPLICATES[:1]) for seed in (7, 7, 8))
        assert first.equal(again)
        assert not first.equal(other)

    @pytest.mark.parametrize("hash_seed", ["1", "4321"])
    def test_another_process_gives_the_same_bytes(self, hash_seed):
        """Whatever the order of its sets and dictionaries of text."""
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", TELL, SHIPPED[0]]
        told = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
        assert told.stdout.strip() == digest(ran(SHIPPED[0]))

    @pytest.mark.parametrize("name", SHIPPED)
    def test_replicates_run_apart_are_the_replicates_run_together(self, name):
        """Splitting the range changes nothing, nor does adding a replicate."""
        trial = shipped(name).trial
        parts = [des.simulate(trial, 7, range(first, last)) for first, last in ((0, 1), (1, 3))]
        assert concatenate(parts).equal(ran(name))

    @pytest.mark.parametrize("name", SHIPPED)
    def test_the_order_of_simulation_does_not_matter(self, name):
        """Subjects driven through the protocol one by one, the last first, give the same rows."""
        trial = shipped(name).trial
        if trial.limited or trial.protocol.randomisations:
            pytest.skip("here subjects depend on those before them")
        subjects = ran(name)["subjects"]
        machine = des.protocol_machine(trial)
        courses = []
        for row in reversed(range(len(subjects["subject"]))):
            replicate, number = int(subjects["replicate"][row]), int(subjects["subject"][row])
            course = Course(trial, 7, replicate, number, int(subjects["site"][row]))
            course.begins = int(subjects["arrival_day"][row] * MINUTES_PER_DAY)
            env = simpy.Environment(initial_time=course.begins)
            env.process(des.Replicate(trial, machine, 7, replicate).life(env, course, {}))
            env.run()
            courses.append(course)
        assert tables_of(trial, courses[::-1]).equal(ran(name))


def tables_of(trial: Any, courses: list[Course]) -> Records:
    """The records of these courses, in this order."""
    rows: dict[str, list[Any]] = {name: [] for name in TABLES}
    for course in courses:
        rows["subjects"].append(course.subject_row())
        for name, more in course.rows.items():
            rows[name] += more
    return Records(trial.labels, {name: table_from_rows(name, trial.labels, rows[name]) for name in TABLES})


TOY = """
parameters: PARAMETERS
title: A toy
cohort: {disease: "tests.support.toys:ToyDisease", size: 20, dropout: 1 % / 1 day, no_show: 10 %}
drugs:
  pill: {kind: "tests.support.toys:Pill", rash: 0.1 / 1 day}
  infusion: {kind: "tests.support.toys:Infusion"}
  DRUG
protocol:
  summaries: {chance: {mean of: chance}}
  states:
    screening: {assessments: {scan: {days: [0]}}, lasts: 3 days}
    treated:
      enrolled: true
      treatment: {pill: standard, infusion: {dose: 1 mg/kg, every: 4 days} TREATMENT}
      assessments: {scan: {every: 2 days}}
      lasts: 10 days
    out: {final: out}
  transitions:
    - {from: screening, to: treated, when: chance > 0.3}
    - {from: screening, to: out, otherwise: true}
    - {from: treated, to: out, after: scan, when: chance < 0.4}
    - {from: treated, to: out}
    - {from: on study, to: out, upon: dropout}
"""


def toy(parameters: str = "{}", drug: str = "", treatment: str = "") -> Records:
    text = TOY.replace("PARAMETERS", parameters).replace("DRUG", drug).replace("TREATMENT", treatment)
    return des.simulate(build(parse(text, "toy.yaml"), allow_plugins=True).trial, 3, range(4))


class TestWhatDisturbsNobody:
    """Each subject is a function of the protocol and their own key."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_one_more_subject(self, name):
        """Enrolling one more adds rows, and changes none."""
        before = shipped(name)
        if before.trial.limited:
            pytest.skip("here subjects wait for each other")
        more = fewer(name, before.trial.cohort.size + 1)
        few, many = of_subjects(ran(name)), of_subjects(des.simulate(more.trial, 7, REPLICATES))
        assert len(many) >= len(few) + len(REPLICATES)
        assert {who: many[who] for who in few} == few

    def test_a_drug_that_does_nothing(self):
        """Declared, or given to everybody: every table reads the same."""
        plain = toy()
        idle = 'idle: {kind: "tests.support.toys:Idle"}'
        for other in (toy(drug=idle), toy(drug=idle, treatment=", idle: standard")):
            for table in TABLES:
                assert other.frame(table).to_csv() == plain.frame(table).to_csv()
        assert min(len(plain[table]["replicate"]) for table in TABLES) > 5

    def test_a_parameter_that_nothing_uses(self):
        """Not a bit changes."""
        assert toy("{unused: {value: 3 weeks, meaning: nothing}}").equal(toy())


class TestAThreshold:
    """The parameter of a decision rule changes decisions, and nothing else."""

    @pytest.mark.parametrize("other", ["60 %", "90 %"])
    def test_whoever_is_decided_the_same_is_the_same_to_the_last_bit(self, other):
        """All tables of every subject whose moves did not change are equal; somebody's did change."""
        varied = protocolsim.load("ms_daclizumab", set={"response_threshold": other})
        before, after = ran("ms_daclizumab"), des.simulate(varied.trial, 7, REPLICATES)
        ours, theirs = of_subjects(before), of_subjects(after)
        assert ours.keys() == theirs.keys()
        decided, otherwise = decisions(before, "combination"), decisions(after, "combination")
        assert decided.keys() == otherwise.keys()
        changed = {who for who in decided if decided[who] != otherwise[who]}
        assert changed
        assert len(changed) < len(decided)
        assert {who for who in ours if ours[who] != theirs[who]} == changed


def decisions(records: Records, state: str) -> dict[tuple[int, int], int]:
    """Where each subject went from a state at its end."""
    moves = records["moves"]
    number = records.labels.states.index(state)
    rows = np.flatnonzero(moves["from_state"] == number)
    return {(int(moves["replicate"][k]), int(moves["subject"][k])): int(moves["to_state"][k]) for k in rows}


@pytest.mark.parametrize("engine", [des, batch])
def test_an_event_that_changes_nothing_leaves_no_trace(engine):
    """Without the adverse events that end nothing, or with many of them, all else is the same to the last bit."""
    records = [
        concatenate(list(engine.pieces(protocolsim.load("ms_daclizumab", set=given).trial, 5, range(4))))
        for given in (
            {"drugs.daclizumab.adverse_event_rate": "0 / 4 weeks"},
            {"drugs.daclizumab.adverse_event_rate": "2 / 4 weeks"},
        )
    ]
    few, many = (len(r["events"]["minute"]) for r in records)
    assert many > 20 * max(few, 1)
    for table in ("subjects", "observations", "doses", "moves"):
        for column, values in records[0][table].items():
            assert values.tobytes() == records[1][table][column].tobytes(), (table, column)


class TestTheWall:
    """A rule sees the chart, never the truth."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_no_decision_reads_the_body(self, name, monkeypatch):
        """With everything hidden replaced by garbage while a decision is taken, every decision is the same."""
        decide, move = des.Replicate.decide, Course.take
        decided, truth = [], []

        def blindfolded(self: Any, course: Course, group: Any) -> bool:
            truth.append(course.body.copy())
            course.body[:] = np.nan
            decided.append(decide(self, course, group))
            course.body[:] = truth.pop() if truth else course.body
            return decided[-1]

        def seeing(self: Course, *of_the_move: Any) -> None:
            # What was decided is then done to the subject as they are.
            self.body[:] = truth.pop()
            move(self, *of_the_move)

        monkeypatch.setattr(des.Replicate, "decide", blindfolded)
        monkeypatch.setattr(Course, "take", seeing)
        assert des.simulate(shipped(name).trial, 7, REPLICATES).equal(ran(name))
        assert sum(decided) == len(ran(name)["moves"]["minute"])

    @pytest.mark.parametrize("name", SHIPPED)
    def test_decisions_do_read_the_chart(self, name, monkeypatch):
        """With a chart of zeros for those enrolled, some decisions change: the test above could fail."""
        decide, honest = des.Replicate.decide, ran(name)["moves"]["to_state"].tolist()

        def deceived(self: Any, course: Course, group: Any) -> bool:
            seen = course.chart.value.copy()
            if course.enrolled:
                course.chart.value[:] = 0.0
            taken = decide(self, course, group)
            course.chart.value[:] = seen
            return taken

        monkeypatch.setattr(des.Replicate, "decide", deceived)
        trial = shipped(name).trial
        moves = des.simulate(trial, 7, REPLICATES)["moves"]["to_state"]
        decided = any(transition.rule is not None for transition in trial.protocol.transitions)
        # Where no rule decides, as in a trial of parallel arms, there is nothing to be deceived in.
        assert (moves.tolist() != honest) == decided

    def test_a_fault_in_a_rule_is_not_swallowed(self):
        """An exception while a rule is tried stops the run, as itself."""

        def broken(values: Any) -> bool:
            raise ZeroDivisionError("in the rule")

        trial = shipped("ms_daclizumab").trial
        faulty = tuple(
            dataclasses.replace(t, rule=Rule("broken", broken)) if t.rule else t for t in trial.protocol.transitions
        )
        planted = dataclasses.replace(trial, protocol=dataclasses.replace(trial.protocol, transitions=faulty))
        with pytest.raises(ZeroDivisionError, match="in the rule"):
            des.simulate(planted, 7, range(1))

    @pytest.mark.parametrize("name", SHIPPED)
    def test_nobody_is_registered_with_the_machine(self, name):
        """The machine has no subjects of its own, and every transition leads to a state it knows."""
        trial = shipped(name).trial
        machine = des.protocol_machine(trial)
        assert len(list(des.Replicate(trial, machine, 7, 0).run())) >= trial.cohort.size
        assert machine.models == []
        known = set(machine.states)
        for event in machine.events.values():
            for transitions in event.transitions.values():
                assert {t.source for t in transitions} | {t.dest for t in transitions} <= known


@pytest.mark.parametrize("name", SHIPPED)
class TestRecords:
    """What the tables of any run look like."""

    def by_subject(self, table: Table) -> list[dict[str, Any]]:
        key = table["replicate"] * 2**32 + table["subject"]
        assert (np.diff(key) >= 0).all()
        edges = np.flatnonzero(np.diff(key, prepend=-1, append=-1))
        return [{c: v[a:b] for c, v in table.items()} for a, b in pairwise(edges)]

    def test_rows_stand_in_the_order_of_time(self, name):
        """By replicate, subject and minute, in every table."""
        for table in ("observations", "doses", "moves", "events"):
            for rows in self.by_subject(ran(name)[table]):
                assert (np.diff(rows["minute"]) >= 0).all()

    def test_moves_make_a_chain_to_one_final_state(self, name):
        """From the first state, each move begins where the last led, to the one final state of the subjects' table."""
        trial, records = shipped(name).trial, ran(name)
        chains = self.by_subject(records["moves"])
        subjects = records["subjects"]
        assert len(chains) == len(subjects["subject"])
        for chain, final, end in zip(chains, subjects["final_state"], subjects["end_minute"], strict=True):
            path = [0, *chain["to_state"]]
            assert list(chain["from_state"]) == path[:-1]
            assert [trial.protocol.states[s].final for s in path] == [False] * (len(path) - 1) + [True]
            assert path[-1] == final
            assert chain["minute"][-1] == end
            for number, source, to in zip(chain["transition"], chain["from_state"], chain["to_state"], strict=True):
                transition = trial.protocol.transitions[number]
                assert transition.source == source
                assert to in transition.destinations

    def test_everything_happens_in_the_state_the_subject_is_in(self, name):
        """Each row's state is one that the subject was in at that minute."""
        records = ran(name)
        stays: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for chain in self.by_subject(records["moves"]):
            starts = [0, *chain["minute"]]
            path = [0, *chain["to_state"]]
            stays[int(chain["replicate"][0]), int(chain["subject"][0])] = list(
                zip(path, starts, [*starts[1:], starts[-1]], strict=True)
            )
        for table in ("observations", "doses", "events"):
            rows = records[table]
            for replicate, subject, state, minute in zip(
                *(rows[c].tolist() for c in ("replicate", "subject", "state", "minute")), strict=True
            ):
                assert any(s == state and a <= minute <= b for s, a, b in stays[replicate, subject])

    def test_doses_are_those_of_the_state(self, name):
        """A drug is given only in states that give it, at the dose in force, mg for the subject's weight."""
        trial, doses = shipped(name).trial, ran(name)["doses"]
        for state, drug, dose, status in zip(
            *(doses[c].tolist() for c in ("state", "drug", "dose", "status")), strict=True
        ):
            assert dose == (trial.protocol.states[state].levels[drug] if status == MADE else 0.0)

    def test_the_cohort_is_filled_and_then_closed(self, name):
        """So many are enrolled as the cohort has places, at the entry of the state that enrols; the last closes it."""
        trial, records = shipped(name).trial, ran(name)
        enrolling = [s.number for s in trial.protocol.states if s.enrolled]
        first: dict[tuple[int, int], int] = {}
        for chain in self.by_subject(records["moves"]):
            entries = chain["minute"][np.isin(chain["to_state"], enrolling)]
            who = (int(chain["replicate"][0]), int(chain["subject"][0]))
            first[who] = int(entries[0]) if len(entries) else -1
        rows = records["subjects"]
        for replicate in REPLICATES:
            here = rows["replicate"] == replicate
            assert rows["enrolled"][here].sum() == trial.cohort.size
            assert rows["enrolled"][here][-1] or trial.limited
            assert rows["subject"][here].tolist() == list(range(here.sum()))
        minutes = records["subjects"]["enrolled_minute"].tolist()
        assert minutes == list(first.values())
        assert (records["subjects"]["enrolled"] == (records["subjects"]["enrolled_minute"] >= 0)).all()

    def test_assessments_are_numbered_without_a_gap(self, name):
        """1, 2, 3, ... for each subject and variable; only where subjects wait may a visit lapse or be overtaken."""
        if shipped(name).trial.limited:
            pytest.skip("here subjects wait for each other")
        for rows in self.by_subject(ran(name)["observations"]):
            for variable in np.unique(rows["variable"]):
                index = rows["index"][rows["variable"] == variable]
                assert index.tolist() == list(range(1, len(index) + 1))


def test_toys_run_under_another_name_of_state_too():
    """The names of states mean nothing: renamed, the same codes stand in every table."""
    plain = """
states:
  a: {enrolled: true, assessments: {scan: {every: 1 day}}, lasts: 3 days}
  b: {final: done}
transitions:
  - {from: a, to: b}
"""
    renamed = plain.replace("  a:", "  zeta:").replace("from: a", "from: zeta")
    assert run(plain).equal(run(renamed))
