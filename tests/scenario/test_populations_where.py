"""Populations by seen trait or summary: `where:` is what a decision at the end of the course would read."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from protocolsim.endpoint.base import ENROLLED
from protocolsim.endpoint.subjects.population import populations
from protocolsim.engine.batch import simulation as batch
from protocolsim.errors import ScenarioError
from protocolsim.protocol.conditions import _TOGETHER
from protocolsim.records import READ, concatenate
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from tests.support.protocols import Draft, drafts
from tests.support.protocols import load as load_draft


def with_where(rule: str, name: str = "ms_daclizumab") -> Scenario:
    """A scenario with the population `chosen`."""
    return load(name, set={"populations.chosen": {"where": rule}})


def test_a_seen_trait_is_the_column_of_subjects():
    """Whoever is older than fifty."""
    scenario = with_where("age > 50")
    records = concatenate(list(batch.pieces(scenario.trial, 1, range(20))))
    members = populations(records, scenario.populations)["chosen"]
    subjects = records["subjects"]
    expected = subjects["enrolled"].astype(bool) & (subjects["age"] > 50)
    assert members.tolist() == expected.tolist()
    assert 0 < members.sum() < subjects["enrolled"].sum()


def test_a_summary_is_what_the_last_decision_read():
    """Of those who ended where the rule was tried, at the same minute: the very number that is recorded."""
    scenario = with_where("entry_cel >= eligible_cels")
    records = concatenate(list(batch.pieces(scenario.trial, 1, range(30))))
    declared = {"all": replace(scenario.populations["chosen"], of="screened")}
    members = populations(records, declared)["all"]
    enrolled = records["subjects"]["enrolled"].astype(bool)
    assert members[enrolled].all()
    refused = np.flatnonzero(~enrolled)
    moves = records["moves"]
    column = 0  # the first summary that the entry rule reads
    for row in refused[:50]:
        who = (moves["replicate"] == records["subjects"]["replicate"][row]) & (
            moves["subject"] == records["subjects"]["subject"][row]
        )
        read = float(moves[f"{READ}{column}"][who][-1])
        assert bool(members[row]) == (read >= scenario.named["eligible_cels"].value - 1e-9)


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])
@given(drafts())
def test_the_chart_written_again_reads_as_the_engine_s_own(draft: Draft):
    """Every summary of any protocol, at the end of every course, where the last decision read it."""
    try:
        scenario = load_draft(draft)
        records = concatenate(list(batch.pieces(scenario.trial, 1, range(2))))
    except Exception:  # noqa: BLE001 - refused, or a cohort that cannot be filled: nothing to read
        return
    from protocolsim.protocol.conditions import CourseCondition
    from protocolsim.protocol.states import Rule

    protocol, subjects = scenario.trial.protocol, records["subjects"]
    factors = tuple(v.factor for m in scenario.trial.assessments for v in m.assessment.variables)
    moves = records["moves"]
    for t in protocol.transitions:
        if t.rule is None or not all(protocol.states[d].final for d in t.destinations):
            continue
        # Who took it was at the end of the course, with all that was ever seen.
        group = protocol.group_of(t)
        rule = Rule(t.rule.words, t.rule.evaluate)
        condition = CourseCondition(rule, protocol.reader, group.reads, factors, protocol.variables)
        held = condition(records)
        taken = moves["transition"] == t.number
        keys = set(zip(moves["replicate"][taken].tolist(), moves["subject"][taken].tolist(), strict=True))
        for row, key in enumerate(zip(subjects["replicate"].tolist(), subjects["subject"].tolist(), strict=True)):
            if key in keys and not _reads_entries(t.rule.words):
                assert held[row], t.rule.words


def _reads_entries(words: str) -> bool:
    """Whether a rule counts entries or time, which the last move itself has changed."""
    return "times_" in words or "since" in words or "_rate" in words


def test_it_is_one_of_the_conditions():
    """Beside the others; kept by pickle, as workers do."""
    chosen = {"of": "decided", "where": "age > 40", "entered": ["monotherapy"]}
    scenario = load("ms_daclizumab", set={"populations.chosen": chosen})
    records = concatenate(list(batch.pieces(scenario.trial, 1, range(10))))
    declared = {**scenario.populations, "entered": replace(scenario.populations["chosen"], where=None)}
    known = populations(records, declared)
    old = populations(records, with_where("age > 40").populations)["chosen"]
    assert (known["chosen"] == (old & known["entered"])).all()
    again = pickle.loads(pickle.dumps(scenario.populations))  # noqa: S301 - our own
    assert (populations(records, again)["chosen"] == known["chosen"]).all()


def test_many_subjects_are_read_a_block_at_a_time():
    """The members are the same wherever the blocks end."""
    scenario = with_where("baseline_cel > 4")
    records = concatenate(list(batch.pieces(scenario.trial, 1, range(100))))
    assert len(records["subjects"]["subject"]) > _TOGETHER
    whole = populations(records, scenario.populations)["chosen"]
    parts = [concatenate(list(batch.pieces(scenario.trial, 1, range(k, k + 10)))) for k in range(0, 100, 10)]
    assert np.concatenate([populations(p, scenario.populations)["chosen"] for p in parts]).tolist() == whole.tolist()
    assert 0 < whole.sum() < populations(records, {})[ENROLLED].sum()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("agee > 50", "did you mean 'age'"),
        ("age", "expected a comparison, found a number"),
        ("age > 50 kg", "units do not fit"),
        ("new_lesion_rate > 1 / week", "unknown name"),
    ],
)
def test_what_is_no_rule_is_a_fault_at_its_line(rule, said):
    """A hidden trait too: only what is seen can be asked for."""
    with pytest.raises(ScenarioError, match=r"populations.chosen.where") as error:
        with_where(rule)
    assert said in str(error.value)
