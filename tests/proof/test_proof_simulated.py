"""Proofs against simulated patients: what is proven of all is true of each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError, SimulationError
from protocolsim.proof import coverage
from protocolsim.proof.decisions import Judge
from protocolsim.proof.paths import by_states, routes
from protocolsim.proof.symbolic import budget
from protocolsim.records import leaving
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.check import check_scenario
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from tests.support.protocols import drafts, runnable

CLEAN = (Path(__file__).parents[1] / "support" / "broken" / "clean.yaml").read_text()
DECIDE = """\
    - {from: treated, to: continued, when: cel_reduction > 75 %}
    - {from: treated, to: changed, otherwise: true}
"""
FEW, MILLION = 5_000, 1_000_000


def variant(first: str, second: str, *, size: int = 20) -> Scenario:
    """The scenario of `clean.yaml` with two rules and no 'otherwise'."""
    rules = (
        f"    - {{from: treated, to: continued, when: {first}}}\n    - {{from: treated, to: changed, when: {second}}}\n"
    )
    assert DECIDE in CLEAN
    text = CLEAN.replace(DECIDE, rules).replace("size: 20,", f"size: {size}, max_candidates: {100 * size},")
    return build(parse(text, "variant.yaml"))


def treated(scenario: Scenario) -> int:
    """Simulate one trial, block by block; how many were enrolled."""
    found = 0
    for piece in batch.pieces(scenario.trial, 7, range(1)):
        found += int(piece["subjects"]["enrolled"].sum())
    return found


EXHAUSTIVE = [
    ("current_cel > 2", "current_cel <= 2"),
    ("cel_reduction > 75 %", "cel_reduction <= 75 %"),
    ("current_cel >= 1", "current_cel < 0.5"),
    ("current_cel > 3 * baseline_cel", "not (current_cel > 3 * baseline_cel)"),
]


@pytest.mark.parametrize(("first", "second"), EXHAUSTIVE)
def test_a_state_proven_exhaustive_is_always_left(first, second):
    """Rules without an 'otherwise' load where they are proven to cover everybody, and they do."""
    assert treated(variant(first, second, size=FEW)) == FEW


def test_what_cannot_be_proven_within_the_budget_is_refused_with_that_reason(monkeypatch):
    """Two rules that leave no gap between whole numbers, and only there: given up, and said so, is refused."""
    monkeypatch.setattr(budget, "STEPS", 30_000)
    with pytest.raises(ScenarioError, match="whether its rules cover every patient could not be proven"):
        variant("current_cel / 3 > baseline_cel", "3 * baseline_cel >= current_cel")


@pytest.mark.long
@pytest.mark.parametrize(("first", "second"), EXHAUSTIVE[:2])
def test_a_state_proven_exhaustive_is_always_left_by_a_million(first, second):
    """As above, in a million enrolled patients."""
    assert treated(variant(first, second, size=MILLION)) == MILLION


@pytest.mark.parametrize(
    ("first", "second", "who"),
    [
        ("current_cel > 2", "current_cel < 2", {"current_cel": 2.0}),
        ("cel_reduction > 75 %", "cel_reduction < 75 %", {"baseline_cel": 4.0, "current_cel": 1.0}),
    ],
)
def test_a_planted_gap_is_found_by_proof_and_by_simulation(monkeypatch, first, second, who):
    """A gap let through on purpose: the proof names a patient, and a simulated one has nowhere to go."""
    monkeypatch.setattr(coverage, "gap_of", lambda case, state, budget: None)
    planted = variant(first, second, size=FEW)

    (found,) = [f for f in check_scenario(planted).findings if f.kind == "not exhaustive"]
    assert found.severity == "fault"
    assert set(found.patient) == set(who)
    numbers = dict(found.patient)
    current, baseline = numbers["current_cel"], numbers.get("baseline_cel")
    if baseline is not None and current is not None:
        assert 1 - current / baseline == pytest.approx(0.75, abs=1e-9)
    else:
        assert numbers == who
    with pytest.raises(SimulationError, match="ended with no transition to take"):
        treated(planted)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(drafts(), st.integers(0, 1000))
def test_nobody_takes_a_way_that_is_proven_dead(draft, seed):
    """In protocols of every shape no simulated patient takes a way, or a path, that a proof says nobody takes."""
    scenario = runnable(draft)
    case = case_of(scenario.trial, scenario.named)
    judge = Judge(case)
    judge.judge()
    paths = routes(case, frozenset(judge.inquiry.dead))
    known = set(by_states(paths))

    try:
        records = des.simulate(scenario.trial, seed, range(2))
    except SimulationError:
        reject()  # a cohort that cannot be filled, or a loop without an end, takes no path

    moves = records["moves"]
    assert not judge.inquiry.dead.intersection(moves["transition"].tolist())
    if paths.whole and not scenario.trial.limited:
        for way in _ways(records):
            assert way in known


@pytest.mark.parametrize("name", ["ms_daclizumab", "ms_smart", "maa_daclizumab"])
def test_simulated_patients_go_along_the_paths(name):
    """Each simulated patient's states, visits, doses and end are those of a path, or lie between those of two."""
    scenario = load(name)
    case = case_of(scenario.trial, scenario.named)
    together = by_states(routes(case))
    records = des.simulate(scenario.trial, 3, range(2))
    subjects, doses = records["subjects"], records["doses"]

    ways = _ways(records)
    assert len(ways) > 20
    for row, way in enumerate(ways):
        paths = together[way]
        mine = (doses["replicate"] == subjects["replicate"][row]) & (doses["subject"] == subjects["subject"][row])
        given_ = int((mine & (doses["dose"] > 0)).sum())
        assert min(len(p.doses) for p in paths) <= given_ <= max(len(p.doses) for p in paths)
        ended = int(subjects["end_minute"][row])
        assert min(p.ends for p in paths) <= ended <= max(p.ends for p in paths)
        if not any(p.by_event for p in paths):
            assert (given_, ended) in {(len(p.doses), p.ends) for p in paths}


def _ways(records) -> list[tuple[int, ...]]:
    """Each subject's states in order, by rows of the table of subjects."""
    moves, subjects, into = records["moves"], records["subjects"], leaving(records)
    found = []
    for replicate, subject in zip(subjects["replicate"], subjects["subject"], strict=True):
        mine = np.flatnonzero((moves["replicate"] == replicate) & (moves["subject"] == subject) & into)
        found.append((0, *(int(moves["to_state"][k]) for k in mine)))
    return found
